-- MacroList: a macro, or a macro with one of some values, makes a client trusted.
serve(SINGLE .. "MacroList kind=1|2,flag\n")
local function with(...) return deliver { host = OUTSIDE.host, ip = OUTSIDE.ip, macros = { ... } } end
expect_signed(with("{kind}", "1"))
expect_signed(with("{kind}", "2"))
expect_unsigned(with("{kind}", "3"))
expect_signed(with("{flag}", "anything"))
expect_unsigned(with())
