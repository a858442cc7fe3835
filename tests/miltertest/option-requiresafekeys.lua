-- RequireSafeKeys: a key others can read is refused, unless the administrator says no.
local table = "KeyTable " .. file("keys", "one example.com:unsafe:" .. KEYS .. "/unsafe.private\n") .. "\nSigningTable csl:example.com=one\n"
serve(table)
expect_refused_for_now(deliver(), "key-unsafe")
serve(table .. "RequireSafeKeys no\n")
expect_signed(deliver(), { s = "unsafe" })
