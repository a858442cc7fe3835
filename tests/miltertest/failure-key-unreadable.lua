-- A key the daemon's user may not read: the message waits.
os.execute("chown opendkim " .. WORK)
serve("UserID opendkim\nKeyTable csl:one=example.com:mail:" .. KEYS .. "/mail.private\nSigningTable csl:example.com=one\n")
expect_refused_for_now(deliver(), "key-unreadable")
