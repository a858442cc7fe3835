-- Canonicalization: each pair, one word for the header alone, any case.
for text, tag in pairs {
    ["simple"] = "simple/simple", ["relaxed"] = "relaxed/simple", ["simple/relaxed"] = "simple/relaxed",
    ["relaxed/relaxed"] = "relaxed/relaxed", ["Relaxed/Simple"] = "relaxed/simple",
} do
    serve(SINGLE .. "Canonicalization " .. text .. "\n")
    expect_signed(deliver(), { c = tag })
end
-- A field of that name in a message has no say (in opendkim it has).
if not IS_OPENDKIM then
    expect_signed(deliver { more = { { "Canonicalization", "simple/relaxed" } } }, { c = "^%w+/%w+$" })
end
