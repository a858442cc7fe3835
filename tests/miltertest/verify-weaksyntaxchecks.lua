-- WeakSyntaxChecks: mail whose From can't be read is verified all the same.
local bad = "dkim=permerror (bad message/signature format)"
serve_verifier()
expect_verified(arrive { by = { "odd from" }, fields = { From = "no address" } }, bad)
serve_verifier("WeakSyntaxChecks yes\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive { by = { "odd from" }, fields = { From = "no address" } }, "dkim=pass")
expect_verified(arrive { by = { "no from" }, fields = { From = "" } }, "dkim=pass")
