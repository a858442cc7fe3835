-- Signatures are inserted at index 0 and nothing else is done; one connection carries several messages.
serve(SINGLE)
local conn = connection()
mt.conninfo(conn, "localhost", "127.0.0.1")
for n = 1, 3 do
    expect(send(conn, { job = "job" .. n }) == "eom", "message " .. n .. " ended early")
    expect(mt.eom_check(conn, MT_HDRINSERT, "DKIM-Signature"), "message " .. n .. " is not signed")
    expect(not mt.eom_check(conn, MT_HDRADD), "a field was appended")
    expect(not mt.eom_check(conn, MT_HDRDELETE), "a field was deleted")
    expect(not mt.eom_check(conn, MT_BODYCHANGE), "the body was changed")
    expect(not mt.eom_check(conn, MT_RCPTADD) and not mt.eom_check(conn, MT_RCPTDELETE), "recipients were changed")
    mt.abort(conn)
end
mt.disconnect(conn)
