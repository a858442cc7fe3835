-- AlwaysAddARHeader: unsigned mail gets a result too, and On-NoSignature no longer acts.
serve_verifier("AlwaysAddARHeader yes\n")
expect_verified(arrive {}, "dkim=none")
expect_verified(arrive("good"), "dkim=pass")
serve_verifier("AlwaysAddARHeader yes\nOn-NoSignature reject\n")
expect_verified(arrive {}, "dkim=none")
