-- SenderMacro: the MTA's word about the author comes before the header.
serve(SINGLE .. "SenderMacro {mail_addr}\n")
expect_signed(deliver { from = "ann@example.org", macros = { "{mail_addr}", "joe@example.com" } }, { d = "example.com" })
expect_unsigned(deliver { macros = { "{mail_addr}", "ann@example.org" } })
expect_signed(deliver())
