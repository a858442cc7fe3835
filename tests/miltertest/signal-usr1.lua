-- SIGUSR1: the tables are read again; a broken configuration leaves the old one at work.
local keys = "KeyTable csl:one=example.com:mail:" .. KEYS .. "/mail.private\n"
local table = file("table", "example.com one\n")
serve(keys .. "SigningTable " .. table .. "\n")
expect_signed(deliver())
expect_unsigned(deliver { from = "ann@example.org" })
file("table", "example.com one\nexample.org one\n")
mt.signal(10)
mt.sleep(0.5)
expect_signed(deliver { from = "ann@example.org" })
file("conf1", "Nonsense yes\n")
mt.signal(10)
mt.sleep(0.5)
expect_signed(deliver())
