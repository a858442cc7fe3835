-- SenderHeaders: the first of these that is present decides.
serve(SINGLE .. "SenderHeaders Sender,From\n")
expect_signed(deliver { from = "ann@example.org", more = { { "Sender", "joe@example.com" } } }, { d = "example.com" })
expect_unsigned(deliver { more = { { "Sender", "ann@example.org" } } })
expect_signed(deliver())
