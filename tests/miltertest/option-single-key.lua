-- Domain, Selector and KeyFile: the author's domain is signed, another is not, a stranger never.
serve(SINGLE)
expect_signed(deliver(), { d = "example.com", s = "mail", a = "rsa-sha256", c = "simple/simple", i = false, l = false })
expect_signed(deliver { from = "Joe <joe@EXAMPLE.com>" }, { d = "example.com" })
expect_unsigned(deliver { from = "joe@example.org" })
expect_unsigned(deliver { from = "joe@mail.example.com" })
expect_unsigned(deliver { host = OUTSIDE.host, ip = OUTSIDE.ip })
serve("Domain *\nSelector mail\nKeyFile " .. KEYS .. "/mail.private\n")
expect_signed(deliver { from = "joe@anything.example.org" }, { d = "anything.example.org" })
