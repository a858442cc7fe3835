-- RemoveOldSignatures: every signature that is there is deleted when ours is added.
local old = { "DKIM-Signature", "v=1; a=rsa-sha256; d=example.net; s=x; h=From; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA" }
serve(SINGLE .. "RemoveOldSignatures yes\n")
local r = deliver { more = { old, old } }
expect(mt.eom_check(r.conn, MT_HDRDELETE, "DKIM-Signature"), "old signatures stay")
expect_signed(r)
serve(SINGLE)
r = deliver { more = { old } }
expect(not mt.eom_check(r.conn, MT_HDRDELETE, "DKIM-Signature"), "old signatures are deleted unasked")
expect_signed(r)
