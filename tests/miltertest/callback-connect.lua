-- Connection data of every family decides who is internal.
serve(SINGLE)
expect_signed(deliver { host = "localhost", ip = "127.0.0.1" })
expect_signed(deliver { host = "localhost", ip = "::1" })
expect_signed(deliver { host = "localhost", ip = "unspec", what = "a client of unknown family" })
expect_unsigned(deliver { host = "h.example.org", ip = "192.0.2.7" })
expect_unsigned(deliver { host = "h.example.org", ip = "2001:db8::7" })
