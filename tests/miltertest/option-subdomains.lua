-- SubDomains: the parent signs for its children and says so in i=.
serve(SINGLE .. "SubDomains yes\n")
expect_signed(deliver { from = "joe@mail.example.com" }, { d = "example.com", i = "@example.com" })
expect_signed(deliver { from = "joe@a.b.example.com" }, { d = "example.com", i = "@example.com" })
expect_signed(deliver(), { d = "example.com", i = false })
expect_unsigned(deliver { from = "joe@notexample.com" })
