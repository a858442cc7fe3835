-- MaximumSignedBytes: at most so much of the body, and l= always.
serve(SINGLE .. "MaximumSignedBytes 3\n")
local long = expect_signed(deliver { body = "Hello\r\n" }, { l = "3" })
local other = expect_signed(deliver { body = "Help!\r\n" }, { l = "3" })
expect(long[1]:gsub("%s", ""):match("bh=[^;]*") == other[1]:gsub("%s", ""):match("bh=[^;]*"), "more than 3 octets are hashed")
serve(SINGLE .. "MaximumSignedBytes 100\n")
expect_signed(deliver { body = "Hello\r\n" }, { l = "7" })
