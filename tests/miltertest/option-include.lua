-- Include: the last value wins, whichever file holds it; CRLF, comments and blank lines are fine.
local more = file("more.conf", "# more\r\n\r\n  selector   mail # comment\r\nCANONICALIZATION relaxed/relaxed\r\n")
serve("Domain example.com\nSelector none\nKeyFile " .. KEYS .. "/mail.private\nCanonicalization simple\nInclude " .. more .. "\n")
expect_signed(deliver(), { s = "mail", c = "relaxed/relaxed" })
