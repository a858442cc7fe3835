-- SoftwareHeader, once X-Header: verified and unsigned mail bears the filter's name.
for _, option in ipairs { "SoftwareHeader", "X-Header" } do
    serve_verifier(option .. " yes\n")
    for _, by in ipairs { { "good" }, { "broken" }, {} } do
        local r = arrive { by = by }
        expect(mt.eom_check(r.conn, MT_HDRINSERT, "DKIM-Filter"), r.what .. ": no DKIM-Filter field with " .. option)
        mt.disconnect(r.conn)
    end
end
serve_verifier()
local r = arrive("good")
expect(not mt.eom_check(r.conn, MT_HDRINSERT, "DKIM-Filter"), "a DKIM-Filter field without the option")
mt.disconnect(r.conn)
