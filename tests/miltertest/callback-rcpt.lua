-- Any number of recipients, bracketed or bare.
serve(SINGLE)
local many = {}
for n = 1, 500 do many[n] = "<r" .. n .. "@example.net>" end
expect_signed(deliver { rcpt = many })
expect_signed(deliver { rcpt = { "bare@example.net" } })
