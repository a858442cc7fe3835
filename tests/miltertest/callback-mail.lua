-- The envelope sender does not matter for signing: empty, bare or foreign.
serve(SINGLE)
for _, sender in ipairs { "<>", "joe@example.com", "<x@example.org>", "<\"a b\"@example.com>" } do
    expect_signed(deliver { sender = sender, what = "mail from " .. sender })
end
