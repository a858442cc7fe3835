-- A key file that does not exist: the message waits, in a configuration of tables or of a single key.
serve("KeyTable csl:one=example.com:mail:/nowhere/mail.private\nSigningTable csl:example.com=one\n")
expect_refused_for_now(deliver(), "key-missing")
expect_unsigned(deliver { from = "ann@example.org", what = "a message that need not be signed" })
