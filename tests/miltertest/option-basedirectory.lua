-- BaseDirectory: relative names begin there.
file("keys", "one example.com:mail:" .. KEYS .. "/mail.private\n")
file("table", "example.com one\n")
serve("BaseDirectory " .. WORK .. "\nKeyTable file:keys\nSigningTable file:table\n")
expect_signed(deliver())
