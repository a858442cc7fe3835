-- The case from-unquoted-comma: mail with such a From is verified like any other.
serve_verifier("AlwaysAddARHeader yes\n")
local from = { From = "Example, Joe <joe@example.com>" }
expect_verified(arrive { by = { "comma" }, fields = from }, "dkim=pass")
expect_verified(arrive { by = {}, fields = from, what = "unsigned" }, "dkim=none")
