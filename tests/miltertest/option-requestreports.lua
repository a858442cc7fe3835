-- RequestReports: r=y.
serve(SINGLE .. "RequestReports yes\n")
expect_signed(deliver(), { r = "y" })
