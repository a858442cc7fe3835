-- DontSignMailTo: one such recipient is enough.
serve(SINGLE .. "DontSignMailTo nosign@example.net\n")
expect_unsigned(deliver { rcpt = { "<rcpt@example.net>", "<nosign@example.net>" } })
expect_signed(deliver { rcpt = { "<rcpt@example.net>" } })
