-- ATPS: whether the author's domain lets another sign. opendkim tells of it in every field, dkimd where it is claimed.
serve(DNS)
expect_verified(arrive("atps sha256"), "dkim=pass", "dkim-atps=pass")
expect_verified(arrive("atps refused"), "dkim=pass", "dkim-atps=fail")
-- The author's own signature is enough.
expect_verified(arrive("atps sha256", "good"), "dkim=pass", "dkim=pass")
expect_verified(arrive("other"), "dkim=pass")
-- atpsh=none: a record that is there overflows a buffer of opendkim and ends it.
if not IS_OPENDKIM then
    expect_verified(arrive("atps"), "dkim=pass", "dkim-atps=pass")
    serve("Mode v\nTestDNSData file:" .. KEYS .. "/public\n")
    expect_verified(arrive("atps"), "dkim=pass", "dkim-atps=pass")
end
