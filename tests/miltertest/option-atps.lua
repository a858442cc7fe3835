-- ATPSDomains: two more tags for such authors.
serve(SINGLE .. "ATPSDomains example.com\nATPSHashAlgorithm none\n")
expect_signed(deliver(), { atps = "example.com", atpsh = "none" })
