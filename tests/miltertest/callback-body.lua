-- The body may come in any pieces; the hash is the same.
serve(SINGLE)
local function hash(pieces)
    local conn = connection()
    mt.conninfo(conn, "localhost", "127.0.0.1")
    mt.macro(conn, SMFIC_MAIL, "i", "pieces")
    mt.mailfrom(conn, "<joe@example.com>")
    mt.rcptto(conn, "<rcpt@example.net>")
    mt.header(conn, "From", "joe@example.com")
    mt.eoh(conn)
    for _, piece in ipairs(pieces) do mt.bodystring(conn, piece) end
    mt.eom(conn)
    local value = mt.getheader(conn, "DKIM-Signature", 0)
    mt.disconnect(conn)
    expect(value, "not signed")
    return value:gsub("%s", ""):match("bh=([^;]*);")
end
local whole = hash { "one\r\ntwo \r\n\r\n" }
expect(whole == hash { "one\r", "\ntwo", " \r\n\r", "\n" }, "pieces change the body hash")
expect(whole == hash { "one\r\ntwo \r\n\r\n", "\r\n", "\r\n" }, "empty lines at the end change the body hash")
expect(whole ~= hash { "one\r\ntwo\r\n" }, "a trailing blank does not change the simple body hash")
