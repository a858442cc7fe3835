-- On-KeyNotFound: the key of the deciding signature is not there.
expect_each_action("On-KeyNotFound", "absent", "DKIM key retrieval failed", "7.5", "7.5")
serve_verifier("On-KeyNotFound reject\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive("absent", "good"), "dkim=fail", "dkim=pass")
expect_verified(arrive("broken"), "dkim=fail")
expect_verified(arrive {})
