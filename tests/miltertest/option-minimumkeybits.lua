-- MinimumKeyBits: smaller keys are refused as On-SignatureError says, 1024 bits are enough without it.
local small = "Domain example.com\nSelector small\nKeyFile " .. KEYS .. "/small.private\n"
serve(small)
expect_signed(deliver(), { s = "small" })
serve(small .. "MinimumKeyBits 2048\n")
expect_refused(deliver(), "reject", "550", "5.7.0")
serve(small .. "MinimumKeyBits 2048\nOn-SignatureError tempfail\n")
expect_refused(deliver(), "tempfail", "451", "4.7.0")
serve(small .. "MinimumKeyBits 2048\nOn-SignatureError accept\n")
expect_unsigned(deliver())
serve("Domain example.com\nSelector tiny\nKeyFile " .. KEYS .. "/tiny.private\n")
expect_refused(deliver(), "reject", "550", "5.7.0")
