-- An entry of the KeyTable that is no entry: the message waits.
for _, entry in ipairs { "example.com:mail", "example.com", "example.com:mail:" } do
    serve("KeyTable csl:one=" .. entry .. "\nSigningTable csl:example.com=one\n")
    expect_refused_for_now(deliver { what = "KeyTable entry " .. entry }, "table-entry-unusable")
end
-- A line of the SigningTable that fits and names no key (opendkim crashes on it in a refile table): no mail of its
-- domain slips out unsigned, nor under a later line's key.
if not IS_OPENDKIM then
    local keys = "KeyTable csl:one=example.com:mail:" .. KEYS .. "/mail.private\n"
    for _, kind in ipairs { "file", "refile" } do
        local pattern = kind == "file" and "example.com" or "*@example.com"
        local lines = pattern .. "\n" .. pattern .. " one\n*@example.org one\n"
        serve(keys .. "SigningTable " .. kind .. ":" .. file(kind, lines))
        expect_refused_for_now(deliver { what = kind .. " line without key" }, "table-entry-unusable")
    end
end
