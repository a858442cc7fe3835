-- A malformed DKIM-Signature that is already there: opendkim lets the message out unsigned, dkimd signs it.
serve(SINGLE)
local r = deliver { more = { { "DKIM-Signature", "nonsense" } } }
if IS_OPENDKIM then expect_unsigned(r) else expect_signed(r) end
