-- What the filter asks for: it must be able to insert and change fields, and wants values with their leading blank.
serve(SINGLE)
local conn = connection { version = 6, actions = 0x1FF, steps = 0x1FFFFF }
expect(mt.test_action(conn, SMFIF_ADDHDRS), "ADDHDRS is not asked for")
expect(mt.test_action(conn, SMFIF_CHGHDRS), "CHGHDRS is not asked for")
expect(not mt.test_action(conn, SMFIF_CHGBODY), "CHGBODY is asked for")
expect(not mt.test_action(conn, SMFIF_QUARANTINE), "QUARANTINE is asked for")
expect(mt.test_option(conn, SMFIP_HDR_LEADSPC), "the leading blank is not asked for")
expect(mt.test_option(conn, SMFIP_SKIP), "SKIP is not asked for")
expect(not mt.test_option(conn, SMFIP_NOHDRS), "header fields are not wanted")
expect(not mt.test_option(conn, SMFIP_NOBODY), "the body is not wanted")
if not IS_OPENDKIM then
    expect(mt.test_option(conn, SMFIP_NOHREPL), "a reply to every header field is asked for")
end
mt.disconnect(conn)
-- An MTA that offers no leading blank, no skip and no silent steps is served too.
expect_signed(deliver { offered = { version = 6, actions = 0x1F, steps = 0 } })
