-- MultipleSignatures: all matching entries sign; opendkim drops those between the first and the last.
local keys = file("keys", "one example.com:mail:" .. KEYS .. "/mail.private\ntwo example.com:two:" .. KEYS .. "/two.private\n"
    .. "three example.net:mail:" .. KEYS .. "/mail.private\n")
local tables = "KeyTable " .. keys .. "\nSigningTable refile:" .. file("table", "*@example.com one\n*@*.com two\njoe@* three\n")
serve(tables .. "\n")
expect_signed(deliver(), { s = "mail", d = "example.com" })
serve(tables .. "\nMultipleSignatures yes\n")
if IS_OPENDKIM then
    expect_signed(deliver(), { s = "mail", d = "example.com" }, { s = "mail", d = "example.net" })
else
    expect_signed(deliver(), { s = "mail", d = "example.com" }, { s = "two", d = "example.com" }, { s = "mail", d = "example.net" })
end
expect_signed(deliver { from = "ann@example.com" }, { s = "mail" }, { s = "two" })
