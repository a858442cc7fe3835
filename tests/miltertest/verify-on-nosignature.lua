-- On-NoSignature: mail without a signature.
expect_each_action("On-NoSignature", nil, "no DKIM signature data")
serve_verifier("On-NoSignature reject\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive("broken"), "dkim=fail")
