-- SignatureTTL: x= is t= plus so many seconds.
serve(SINGLE .. "SignatureTTL 3600\n")
local value = expect_signed(deliver())[1]:gsub("%s", "")
local t, x = value:match(";t=(%d+);"), value:match(";x=(%d+);")
expect(t and x and tonumber(x) - tonumber(t) == 3600, "x= is not t= plus 3600: " .. value)
serve(SINGLE .. "SignatureTTL 0\n")
expect_signed(deliver(), { x = false })
