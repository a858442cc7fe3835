-- Signatures are inserted at index 0 and nothing else is done; one connection carries several messages.
serve(SINGLE)
local conn = connection()
mt.conninfo(conn, "localhost", "127.0.0.1")
for n = 1, 3 do
    expect(send(conn, { job = "job" .. n }) == "eom", "message " .. n .. " ended early")
    expect(mt.eom_check(conn, MT_HDRINSERT, "DKIM-Signature"), "message " .. n .. " is not signed")
    expect(not mt.eom_check(conn, MT_HDRADD, "DKIM-Signature"), "a field was appended")
    expect(not mt.eom_check(conn, MT_HDRDELETE, "DKIM-Signature"), "a field was deleted")
    mt.abort(conn)
end
mt.disconnect(conn)
