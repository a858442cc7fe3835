-- TestPublicKeys, TestDNSData, QueryCache: where keys come from.
serve("Mode v\nTestPublicKeys " .. file("keys", "other._domainkey.example.com v=DKIM1; p=\n"))
expect_verified(arrive("good"), 'dkim=fail reason="key not found in DNS"')
serve_verifier("QueryCache yes\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive("good", "good"), "dkim=pass", "dkim=pass")
serve("Mode v\nTestDNSData file:" .. KEYS .. "/public\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive("broken"), "dkim=fail")
-- A name that is not there is a failed query to opendkim.
if IS_OPENDKIM then
    expect_verified(arrive("absent"))
else
    expect_verified(arrive("absent"), 'dkim=fail reason="key not found in DNS"')
end
