-- RequiredHeaders refuses arriving mail as well, signed or not. (A pure verifier answers at the end of the header
-- section, where miltertest can't read the text.)
serve(SINGLE .. PUBLIC .. "RequiredHeaders yes\n")
expect_verified(arrive("good"), "dkim=pass")
expect_refused(arrive { by = { "good" }, more = { { "Subject", "again" } } }, "reject", "550", "5.0.0", "message has multiple Subject fields")
