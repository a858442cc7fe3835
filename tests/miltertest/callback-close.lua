-- A client that goes away at any stage does the filter no harm.
serve(SINGLE)
for stage = 1, 4 do
    local conn = connection()
    if stage > 1 then mt.conninfo(conn, "localhost", "127.0.0.1") end
    if stage > 2 then mt.mailfrom(conn, "<joe@example.com>") end
    if stage > 3 then mt.rcptto(conn, "<r@example.net>"); mt.header(conn, "From", "joe@example.com") end
    mt.disconnect(conn, stage % 2 == 0)
end
expect_signed(deliver())
