-- A body that does not end in CRLF: opendkim lets it out unsigned with the relaxed body, dkimd signs it.
serve(SINGLE .. "Canonicalization relaxed/relaxed\n")
local r = deliver { body = "no line end" }
if IS_OPENDKIM then expect_unsigned(r) else expect_signed(r) end
expect_signed(deliver { body = "line end\r\n" })
