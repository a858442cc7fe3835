-- UserID: the socket belongs to that user, whose keys are readable.
local key = WORK .. "/user.private"
os.execute("cp " .. KEYS .. "/mail.private " .. key .. " && chown opendkim:opendkim " .. key .. " && chown opendkim " .. WORK)
serve("UserID opendkim:postfix\nDomain example.com\nSelector mail\nKeyFile " .. key .. "\n")
expect_signed(deliver())
local owner = io.popen("stat -c %U:%G " .. SOCKET:match(":(.*)")):read("l")
expect(owner == "opendkim:postfix", "the socket belongs to " .. owner)
serve("UserID opendkim\nKeyTable csl:one=example.com:mail:" .. key .. "\nSigningTable csl:example.com=one\n")
expect_signed(deliver { what = "a KeyTable key of the user" })
