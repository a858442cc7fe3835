-- Several From fields: opendkim signs by the first, dkimd never by guess.
serve(SINGLE)
for _, second in ipairs { "joe@example.com", "ann@example.org" } do
    local r = deliver { more = { { "From", second } } }
    if IS_OPENDKIM then expect_signed(r) else expect_unsigned(r) end
end
