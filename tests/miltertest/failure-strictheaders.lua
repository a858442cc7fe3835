-- StrictHeaders: such mail goes on unsigned.
serve(SINGLE .. "StrictHeaders yes\n")
expect_signed(deliver())
expect_unsigned(deliver { more = { { "From", "ann@example.org" } } })
expect_unsigned(deliver { more = { { "Subject", "again" } } })
expect_unsigned(deliver { headers = { { "From", "joe@example.com" } }, what = "no Date" })
