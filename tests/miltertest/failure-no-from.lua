-- No From, or one that can't be read: never signed by guess, goes on unsigned.
serve(SINGLE)
local rest = { { "To", "rcpt@example.net" }, { "Subject", "x" } }
expect_unsigned(deliver { headers = rest, what = "no From" })
for _, value in ipairs { "", " ", "joe", "undisclosed:;", "<>", "\"joe@example.com\"" } do
    expect_unsigned(deliver { from = value, what = "From: " .. value })
end
