-- Mode: a verifier does not sign, a signer does not verify.
serve(SINGLE .. "Mode v\n")
expect_unsigned(deliver())
serve(SINGLE .. "Mode s\nAlwaysAddARHeader yes\n")
expect_signed(deliver())
local r = deliver { from = "ann@example.org" }
expect(r.stage ~= "eom" or not mt.eom_check(r.conn, MT_HDRINSERT, "Authentication-Results"), "a signer has verified")
expect_unsigned(r)
