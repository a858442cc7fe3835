-- An entry of the KeyTable that is no entry: the message waits.
for _, entry in ipairs { "example.com:mail", "example.com", "example.com:mail:" } do
    serve("KeyTable csl:one=" .. entry .. "\nSigningTable csl:example.com=one\n")
    expect_refused_for_now(deliver { what = "KeyTable entry " .. entry })
end
