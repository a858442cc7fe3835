-- The case from-unquoted-comma: a From that is no RFC 5322 but holds one address by every reading is signed for.
serve(SINGLE)
for _, value in ipairs {
    "Example, Joe <joe@example.com>", "Example Shop, Inc. <joe@example.com>", "root, joe@example.com",
    "Joe Example joe@example.com", "<<joe@example.com>>", "\"Example\", Joe <joe@example.com>",
    "Joe; Example <joe@example.com>", "=?utf-8?q?Ex=C3=A4mple?=, Joe <joe@example.com>", "<mailto:joe@example.com>",
} do
    expect_signed(deliver { from = value, what = "From: " .. value }, { d = "example.com" })
end
-- With two domains opendkim takes one of them, dkimd none.
for _, value in ipairs {
    "Example, Joe <joe@example.com>, Eve <eve@evil.example>", "root, joe@example.com, eve@evil.example",
    "\"eve@evil.example\", Joe <joe@example.com>",
} do
    local r = deliver { from = value, what = "From: " .. value }
    if IS_OPENDKIM then expect_signed(r) else expect_unsigned(r) end
end
