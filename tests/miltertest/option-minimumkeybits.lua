-- MinimumKeyBits: smaller keys are refused as On-SignatureError says, 1024 bits are enough without it.
local small = "Domain example.com\nSelector small\nKeyFile " .. KEYS .. "/small.private\n"
serve(small)
expect_signed(deliver(), { s = "small" })
serve(small .. "MinimumKeyBits 2048\n")
-- opendkim rejects for good by default; dkimd gives the administrator time to mend it.
local refused = IS_OPENDKIM and expect_refused_for_good or expect_refused_for_now
refused(deliver(), "key-too-small")
serve(small .. "MinimumKeyBits 2048\nOn-SignatureError tempfail\n")
expect_refused_for_now(deliver(), "key-too-small")
serve(small .. "MinimumKeyBits 2048\nOn-SignatureError reject\n")
expect_refused_for_good(deliver(), "key-too-small")
serve(small .. "MinimumKeyBits 2048\nOn-SignatureError accept\n")
expect_unsigned(deliver())
serve("Domain example.com\nSelector tiny\nKeyFile " .. KEYS .. "/tiny.private\n")
refused(deliver(), "key-too-small")
