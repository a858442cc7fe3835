-- BodyLengthDB: mail to the recipients named carries l=.
serve(SINGLE .. "BodyLengthDB csl:list@example.net=x,*@lists.example.net=x\n")
expect_signed(deliver { rcpt = { "<list@example.net>" } }, { l = "7" })
expect_signed(deliver { rcpt = { "<a@example.org>", "<any@lists.example.net>" } }, { l = "7" })
expect_signed(deliver(), { l = false })
