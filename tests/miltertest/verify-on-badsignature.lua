-- On-BadSignature: signatures that don't fit, revoked keys, malformed signatures.
expect_each_action("On-BadSignature", "broken", "bad DKIM signature data")
serve_verifier("On-BadSignature reject\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive("broken", "good"), "dkim=fail", "dkim=pass")
expect_verified(arrive {})
expect_verified(arrive("absent"), 'dkim=fail reason="key not found in DNS"')
-- The domain says that it is testing.
expect_verified(arrive("testing"), 'dkim=fail reason="signature verification failed"')
-- opendkim has no text about a revoked key.
if IS_OPENDKIM then
    expect_refused(arrive("revoked"), "reject")
else
    expect_refused_with(arrive("revoked"), "reject", "7.20", "bad DKIM signature data")
end
expect_refused_with(arrive("syntax"), "reject", "7.20", "DKIM signature syntax error")
-- A malformed signature beside a good one is reason enough for opendkim.
if IS_OPENDKIM then
    expect_refused(arrive("syntax", "good"), "reject")
else
    expect_verified(arrive("syntax", "good"), "dkim=permerror", "dkim=pass")
end
