-- ATPS: whether the author's domain lets another sign. opendkim tells of it in every field (and overflows a buffer
-- when it asks TestDNSData, so that only this is tried of it), dkimd where it is claimed.
if IS_OPENDKIM then
    serve_verifier()
    local r = arrive("other")
    expect(mt.getheader(r.conn, RESULTS, 0):match("dkim%-atps=neutral$"), "no word about ATPS")
    mt.disconnect(r.conn)
else
    serve("Mode v\nTestDNSData file:" .. KEYS .. "/public\n")
    expect_verified(arrive("atps"), "dkim=pass", "dkim-atps=pass")
    expect_verified(arrive("atps refused"), "dkim=pass", "dkim-atps=fail")
    -- The author's own signature is enough.
    expect_verified(arrive("atps", "good"), "dkim=pass", "dkim=pass")
    expect_verified(arrive("other"), "dkim=pass")
end
