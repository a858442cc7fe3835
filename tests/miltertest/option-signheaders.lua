-- SignHeaders and OmitHeaders: a plain list replaces, a * makes differences, omitting wins.
local more = { { "Sender", "s@example.com" }, { "Message-ID", "<1@x>" }, { "X-One", "1" }, { "Content-Type", "text/plain" } }
serve(SINGLE .. "SignHeaders To,X-*\n")
expect_signed(deliver { more = more }, { h = "From:To:X-One" })
serve(SINGLE .. "SignHeaders *,+sender,+content-*,-to\n")
expect_signed(deliver { more = more }, { h = "From:Date:Subject:Sender:Content-Type" })
serve(SINGLE .. "SignHeaders *,+sender\nOmitHeaders *,+subject,+sender\n")
expect_signed(deliver { more = more }, { h = "From:To:Date" })
