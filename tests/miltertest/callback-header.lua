-- Fields are taken as they come, folded, empty, spelt oddly; only those present are listed.
serve(SINGLE)
expect_signed(deliver { headers = {
    { "FROM", "joe@example.com" }, { "To", "a@example.net,\n\tb@example.net" }, { "Subject", "" }, { "cc", " " },
} }, { h = "FROM:To:Subject:cc" })
local many = {}
for n = 1, 200 do many[n] = { "X-Field-" .. n, "value " .. n } end
expect_signed(deliver { more = many }, { h = "From:To:Date:Subject" })
