-- ExemptDomains: such authors are neither signed nor verified.
serve(SINGLE .. "ExemptDomains example.com\n")
expect_unsigned(deliver())
