-- {auth_type} makes a client trusted, {auth_authen} alone does not.
serve(SINGLE)
expect_signed(deliver { host = OUTSIDE.host, ip = OUTSIDE.ip, macros = { "{auth_type}", "PLAIN" } })
expect_unsigned(deliver { host = OUTSIDE.host, ip = OUTSIDE.ip, macros = { "{auth_authen}", "joe" } })
