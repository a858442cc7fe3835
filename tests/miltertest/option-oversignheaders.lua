-- OverSignHeaders: named once more each, as written, present or not.
serve(SINGLE .. "OversignHeaders From,X-None,subject\n")
expect_signed(deliver(), { h = "From:To:Date:Subject:From:X-None:subject" })
