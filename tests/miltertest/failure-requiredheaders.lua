-- RequiredHeaders: such mail is rejected with a text that names the field.
serve(SINGLE .. "RequiredHeaders yes\n")
expect_signed(deliver())
expect_refused(deliver { more = { { "From", "ann@example.org" } } }, "reject", "550", "5.0.0", "message does not have exactly one From field")
expect_refused(deliver { more = { { "Subject", "again" } } }, "reject", "550", "5.0.0", "message has multiple Subject fields")
expect_refused(deliver { headers = { { "From", "joe@example.com" } } }, "reject", "550", "5.0.0", "message does not have exactly one Date field")
