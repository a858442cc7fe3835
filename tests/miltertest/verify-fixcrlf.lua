-- FixCRLF: line ends that were lost on the way are put back before the body is hashed.
serve_verifier("FixCRLF yes\n")
expect_verified(arrive { by = { "two lines" }, body = "one\r\ntwo\r\n" }, "dkim=pass")
expect_verified(arrive { by = { "two lines" }, body = "one\ntwo\n" }, "dkim=pass")
expect_verified(arrive { by = { "two lines" }, body = "one\r\ntwo" }, "dkim=pass")
expect_verified(arrive { by = { "two lines" }, body = "one\r\nthree\r\n" }, "dkim=fail")
