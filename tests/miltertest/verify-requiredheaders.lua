-- RequiredHeaders refuses arriving mail as well, signed or not.
serve_verifier("RequiredHeaders yes\n")
expect_verified(arrive("good"), "dkim=pass")
expect_refused(arrive { by = { "good" }, more = { { "Subject", "again" } } }, "reject", "550", "5.0.0", "message has multiple Subject fields")
