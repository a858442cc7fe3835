-- KeyTable and SigningTable: file and refile order, %, signers, unknown keys.
local keys = file("keys", "one example.com:mail:" .. KEYS .. "/mail.private\nall %:two:" .. KEYS .. "/two.private\n")
serve("KeyTable file:" .. keys .. "\nSigningTable refile:" .. file("refile",
    "joe@example.com one\n*@example.com all\n*@*.example.com all:x@%\n*@example.org nokey\n"))
expect_signed(deliver(), { d = "example.com", s = "mail" })
expect_signed(deliver { from = "ann@example.com" }, { d = "example.com", s = "two" })
expect_signed(deliver { from = "ann@a.example.com" }, { d = "a.example.com", s = "two", i = "x@a.example.com" })
expect_unsigned(deliver { from = "ann@example.net" })
expect_refused_for_now(deliver { from = "ann@example.org", what = "an unknown key" }, "key-not-in-table")
serve("KeyTable " .. keys .. "\nSigningTable " .. file("table", "joe@example.com one\nexample.com all\n.example.com one\n"))
expect_signed(deliver(), { s = "mail" })
expect_signed(deliver { from = "ann@example.com" }, { s = "two" })
expect_signed(deliver { from = "ann@a.example.com" }, { d = "example.com", s = "mail" })
