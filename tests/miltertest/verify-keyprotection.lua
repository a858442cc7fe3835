-- UnprotectedKey: a good signature whose key DNSSEC does not protect. (A bogus key never reaches BogusKey in opendkim,
-- and needs a signed zone: here no key is bogus.)
local key = " (2048-bit key; unprotected) header.d=example.com"
for word, wanted in pairs { none = "dkim=pass", neutral = "dkim=neutral", fail = "dkim=policy" } do
    serve(DNS .. "UnprotectedKey " .. word .. "\nBogusKey " .. word .. "\n")
    expect_verified(arrive("good"), wanted .. key)
    -- opendkim says the same of a key that is not there.
    if not IS_OPENDKIM then expect_verified(arrive("absent"), 'dkim=fail reason="key not found in DNS"') end
end
serve(DNS .. "UnprotectedKey fail\nOn-BadSignature reject\n")
expect_refused_with(arrive("good"), "reject", "7.20", "bad DKIM signature data")
serve(DNS .. "On-BadSignature reject\n")
expect_verified(arrive("good"), "dkim=pass")
