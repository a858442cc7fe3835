-- The end of the header section decides; a message with an empty body is signed as well.
serve(SINGLE)
expect_signed(deliver { body = "\r\n" }, { bh = "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=" })
serve(SINGLE .. "Canonicalization relaxed/relaxed\n")
expect_signed(deliver { body = "\r\n" }, { bh = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" })
