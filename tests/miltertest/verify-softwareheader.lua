-- SoftwareHeader: verified and unsigned mail bears the filter's name.
serve_verifier("SoftwareHeader yes\n")
for _, by in ipairs { { "good" }, { "broken" }, {} } do
    local r = arrive { by = by }
    expect(mt.eom_check(r.conn, MT_HDRINSERT, "DKIM-Filter"), r.what .. ": no DKIM-Filter field")
    mt.disconnect(r.conn)
end
serve_verifier()
local r = arrive("good")
expect(not mt.eom_check(r.conn, MT_HDRINSERT, "DKIM-Filter"), "a DKIM-Filter field without the option")
mt.disconnect(r.conn)
