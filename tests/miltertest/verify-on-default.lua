-- On-Default: all of them at once, whatever their order; a line for one of them wins.
serve_verifier("On-BadSignature accept\nOn-Default reject\n")
expect_refused_with(arrive("absent"), "reject", "7.20", "DKIM key retrieval failed")
expect_refused_with(arrive {}, "reject", "7.20", "no DKIM signature data")
expect_verified(arrive("broken"), "dkim=fail")
expect_verified(arrive("good"), "dkim=pass")
