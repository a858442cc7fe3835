-- NoHeaderB: the item ends with header.s.
serve_verifier()
expect(expect_verified(arrive("good"), "dkim=pass")[1]:match(" header%.b=[%w+/]+$"), "no header.b")
serve_verifier("NoHeaderB yes\n")
expect(expect_verified(arrive("good"), "dkim=pass")[1]:match(" header%.s=mail$"), "header.b")
