-- Diagnostics: z= shows the signed fields.
serve(SINGLE .. "Diagnostics yes\n")
expect_signed(deliver(), { z = "From:=20joe@example.com|To:=20rcpt@example.net|Date:=20Fri,=202=20Jan=202026=2003:04:05=20+0000|Subject:=20a=20test" })
serve(SINGLE)
expect_signed(deliver(), { z = false })
