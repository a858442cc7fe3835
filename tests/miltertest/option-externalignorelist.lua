-- ExternalIgnoreList changes a log line and nothing else.
serve(SINGLE .. "ExternalIgnoreList " .. OUTSIDE.ip .. "\n")
expect_unsigned(deliver { host = OUTSIDE.host, ip = OUTSIDE.ip })
expect_signed(deliver())
