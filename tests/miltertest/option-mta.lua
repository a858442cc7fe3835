-- MTA: the name of the daemon makes a client trusted; the comparison knows case.
serve(SINGLE .. "MTA ORIGINATING\n")
expect_signed(deliver { daemon = "ORIGINATING", host = OUTSIDE.host, ip = OUTSIDE.ip })
expect_unsigned(deliver { daemon = "originating", host = OUTSIDE.host, ip = OUTSIDE.ip })
expect_signed(deliver { what = "an internal client" })
