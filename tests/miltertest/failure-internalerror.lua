-- On-InternalError: what happens to mail whose key can't be used.
local broken = "KeyTable csl:one=example.com:mail:" .. KEYS .. "/garbage.private\nSigningTable csl:example.com=one\n"
serve(broken)
expect_refused_for_now(deliver(), "key-unusable")
serve(broken .. "On-InternalError reject\n")
expect_refused_for_good(deliver(), "key-unusable")
serve(broken .. "On-InternalError accept\n")
expect_unsigned(deliver())
serve(broken .. "On-InternalError discard\n")
expect_refused(deliver(), "discard")
serve(broken .. "On-Default reject\n")
expect_refused_for_good(deliver(), "key-unusable")
serve(broken .. "On-Default reject\nOn-InternalError tempfail\n")
expect_refused_for_now(deliver(), "key-unusable")
