-- KeepAuthResults: nothing is deleted.
serve_verifier("KeepAuthResults yes\n")
expect(not deletes("mx.example.com; dkim=pass header.d=bank.example"), "deleted all the same")
expect_verified(arrive("good"), "dkim=pass")
