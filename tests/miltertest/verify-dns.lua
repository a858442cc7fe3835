-- Nameservers, DNSTimeout, TrustAnchorFile: keys from DNS; an anchor that can't be read stops the start.
serve(DNS .. "DNSTimeout 3\nQueryCache yes\n")
expect_verified(arrive("good"), "dkim=pass (2048-bit key; unprotected)")
-- From the cache: opendkim loses its word about DNSSEC.
expect_verified(arrive("good"), IS_OPENDKIM and "dkim=pass (2048-bit key) header.d" or "dkim=pass (2048-bit key; unprotected)")
expect_verified(arrive("revoked"), 'dkim=fail reason="key revoked"')
expect_verified(arrive("absent"), 'dkim=fail reason="key not found in DNS"')
local config = file("no-anchor", "Socket local:" .. WORK .. "/none\n" .. DNS .. "TrustAnchorFile " .. WORK .. "/missing\n")
local ended = os.execute("timeout 5 " .. PROGRAM .. " -f -x " .. config .. " 2> " .. WORK .. "/why")
expect(not ended, "starts without its anchor")
expect(written(WORK .. "/why"):find(WORK .. "/missing", 1, true), "does not name the file")
