-- ClockDrift: how far t= may lie ahead and x= behind; 300 seconds without it. Here it is 1,000 both times.
serve_verifier()
expect_verified(arrive("expired"), "dkim=permerror")
expect_verified(arrive("ahead"), "dkim=permerror")
serve_verifier("ClockDrift 1500\n")
expect_verified(arrive("expired"), "dkim=pass")
expect_verified(arrive("ahead"), "dkim=pass")
