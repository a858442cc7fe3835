-- Files that hold no key, nothing, or broken PEM, and inline text that is no key: the message waits.
for _, name in ipairs { "garbage", "empty", "garbage-pem" } do
    serve("KeyTable csl:one=example.com:mail:" .. KEYS .. "/" .. name .. ".private\nSigningTable csl:example.com=one\n")
    expect_refused_for_now(deliver { what = name }, "key-unusable")
end
serve("KeyTable csl:one=example.com:mail:MIIgarbage\nSigningTable csl:example.com=one\n")
expect_refused_for_now(deliver { what = "inline garbage" }, "key-unusable")
