-- MustBeSigned: a field that is there and not covered spoils the signature.
serve_verifier("MustBeSigned Subject,Reply-To\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive("no subject"), 'dkim=fail reason="unprotected header field"')
expect_verified(arrive { by = { "no subject" }, fields = { Subject = false } }, "dkim=pass")
serve_verifier()
expect_verified(arrive("no subject"), "dkim=pass")
