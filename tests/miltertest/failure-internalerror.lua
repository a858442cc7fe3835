-- On-InternalError: what happens to mail whose key can't be used.
local broken = "KeyTable csl:one=example.com:mail:" .. KEYS .. "/garbage.private\nSigningTable csl:example.com=one\n"
serve(broken)
expect_refused(deliver(), "tempfail", "451", "4.7.0")
serve(broken .. "On-InternalError reject\n")
expect_refused(deliver(), "reject", "550", "5.7.0")
serve(broken .. "On-InternalError accept\n")
expect_unsigned(deliver())
serve(broken .. "On-InternalError discard\n")
expect_refused(deliver(), "discard")
serve(broken .. "On-Default reject\n")
expect_refused(deliver(), "reject", "550", "5.7.0")
serve(broken .. "On-Default reject\nOn-InternalError tempfail\n")
expect_refused(deliver(), "tempfail", "451", "4.7.0")
