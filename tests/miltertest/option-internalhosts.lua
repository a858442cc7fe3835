-- InternalHosts: addresses, networks, names, negations; a list replaces the default.
serve(SINGLE .. "InternalHosts 192.0.2.0/24,!192.0.2.7,.example.org,2001:db8::7\n")
expect_signed(deliver { host = "h", ip = "192.0.2.9" })
expect_unsigned(deliver { host = "h", ip = "192.0.2.7" })
expect_signed(deliver { host = "a.example.org", ip = "203.0.113.9" })
expect_unsigned(deliver { host = "example.org", ip = "203.0.113.9" })
expect_signed(deliver { host = "h", ip = "2001:db8::7" })
expect_unsigned(deliver { what = "localhost, which the list leaves out" })
