-- IgnoreMalformedMail, StrictHeaders: mail that can't be judged says so, or goes on as it is.
local bad = "dkim=permerror (bad message/signature format)"
local two = { { "Subject", "again" } }
serve_verifier()
expect_verified(arrive { fields = { From = false } }, bad)
expect_verified(arrive { by = { "good" }, fields = { From = "no address" } }, bad)
expect_verified(arrive { by = { "good" }, more = { { "To", "another@example.net" } } }, 'dkim=fail reason="signature verification failed"')
serve_verifier("IgnoreMalformedMail yes\n")
expect_verified(arrive { fields = { From = false } })
expect_verified(arrive("good"), "dkim=pass")
serve_verifier("StrictHeaders yes\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive { by = { "good" }, more = two }, bad)
expect_verified(arrive { by = { "good" }, fields = { Date = false } }, bad)
serve_verifier("StrictHeaders yes\nIgnoreMalformedMail yes\n")
expect_verified(arrive { by = { "good" }, more = two })
