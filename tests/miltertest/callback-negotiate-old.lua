-- A version 2 MTA is served.
serve(SINGLE)
expect_signed(deliver { offered = { version = 2, actions = 0x3F, steps = 0x7F } })
