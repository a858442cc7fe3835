-- MaximumSignaturesToVerify, TrustSignaturesFrom: which of many signatures are verified.
serve_verifier()
expect_verified(arrive("broken", "broken", "broken", "good"), "dkim=fail", "dkim=fail", "dkim=fail", "dkim=neutral header.d=example.com")
serve_verifier("MaximumSignaturesToVerify 1\n")
expect_verified(arrive("good", "other"), "dkim=pass", "dkim=neutral header.d=other.example")
-- opendkim goes from the top; dkimd verifies the author's first, and results keep the order of the fields.
if IS_OPENDKIM then
    expect_verified(arrive("other", "good"), "dkim=pass (2048-bit key) header.d=other.example", "dkim=neutral")
else
    expect_verified(arrive("other", "good"), "dkim=neutral header.d=other.example", "dkim=pass (2048-bit key) header.d=example.com")
    serve_verifier()
    expect_verified(arrive("syntax", "other", "syntax", "third", "syntax", "other", "good"), "dkim=permerror", "dkim=pass",
        "dkim=permerror", "dkim=pass", "dkim=permerror", "dkim=neutral", "dkim=pass (2048-bit key) header.d=example.com")
end
-- 0: those of the author's domain alone; without them the message counts as unsigned.
serve_verifier("MaximumSignaturesToVerify 0\n")
expect_verified(arrive("other", "good", "third"), "dkim=neutral", "dkim=pass", "dkim=neutral")
expect_verified(arrive("other"))
serve_verifier("MaximumSignaturesToVerify 0\nOn-NoSignature reject\n")
expect_refused_with(arrive("other"), "reject", "7.20", "no DKIM signature data")
-- Trusted domains come first.
serve_verifier("MaximumSignaturesToVerify 0\nTrustSignaturesFrom third.example\n")
expect_verified(arrive("other", "good", "third"), "dkim=neutral", "dkim=pass", "dkim=pass")
serve_verifier("MaximumSignaturesToVerify 1\nTrustSignaturesFrom third.example\n")
expect_verified(arrive("other", "third"), "dkim=neutral", "dkim=pass")
