-- SignatureAlgorithm; dkimd takes the algorithm from the key, so that RSA and Ed25519 can be used together.
serve("Domain example.com\nSelector ed\nKeyFile " .. KEYS .. "/ed.private\nSignatureAlgorithm ed25519-sha256\n")
expect_signed(deliver(), { a = "ed25519-sha256", s = "ed" })
if not IS_OPENDKIM then
    serve("MultipleSignatures yes\nKeyTable " .. file("keys", "rsa example.com:mail:" .. KEYS .. "/mail.private\ned example.com:ed:"
        .. KEYS .. "/ed.private\n") .. "\nSigningTable refile:" .. file("table", "*@example.com rsa\n*@example.com ed\n") .. "\n")
    expect_signed(deliver(), { a = "rsa-sha256", s = "mail" }, { a = "ed25519-sha256", s = "ed" })
end
