-- MaximumHeaders: more is refused as On-Security says; 0 is no limit.
local long = { { "X-Long", string.rep("x", 5000) } }
serve(SINGLE .. "MaximumHeaders 1000\n")
expect_refused(deliver { more = long }, "tempfail")
expect_signed(deliver())
serve(SINGLE .. "MaximumHeaders 1000\nOn-Security reject\n")
expect_refused(deliver { more = long }, "reject")
serve(SINGLE .. "MaximumHeaders 1000\nOn-Security discard\n")
expect_refused(deliver { more = long }, "discard")
