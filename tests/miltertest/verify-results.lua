-- Without options: a good signature, broken ones of every kind, and none.
serve_verifier()
expect_verified(arrive("good"), "dkim=pass (2048-bit key) header.d=example.com header.i=@example.com header.a=rsa-sha256 header.s=mail header.b=")
expect_verified(arrive("broken"), 'dkim=fail reason="signature verification failed" (2048-bit key) header.d=example.com')
expect_verified(arrive("absent"), 'dkim=fail reason="key not found in DNS" header.d=example.com')
expect_verified(arrive("revoked"), 'dkim=fail reason="key revoked"')
expect_verified(arrive("broken", "good"), 'dkim=fail reason="signature verification failed"', "dkim=pass (2048-bit key)")
expect_verified(arrive {})
-- A malformed signature: opendkim gives up on the whole message, dkimd on this signature alone.
if IS_OPENDKIM then
    expect_verified(arrive("syntax", "good"))
else
    expect_verified(arrive("syntax", "good"), "dkim=permerror", "dkim=pass")
end
