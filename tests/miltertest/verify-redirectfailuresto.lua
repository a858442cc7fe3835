-- RedirectFailuresTo: broken mail goes to another mailbox, and says whom it was for.
serve_verifier("RedirectFailuresTo bad@example.org\n")
local r = arrive { by = { "broken" }, rcpt = { "<a@example.net>", "<b@example.net>" } }
-- opendkim leaves out the blank after the colon.
local blank = IS_OPENDKIM and "" or " "
for _, recipient in ipairs { "a@example.net", "b@example.net" } do
    expect(mt.eom_check(r.conn, MT_RCPTDELETE, recipient), recipient .. " is not deleted")
    expect(mt.eom_check(r.conn, MT_HDRADD, "Original-Recipient", blank .. "rfc822;" .. recipient), recipient .. " is not told")
end
expect(mt.eom_check(r.conn, MT_RCPTADD, "bad@example.org"), "no new recipient")
expect_verified(r, "dkim=fail")
for _, by in ipairs { "good", "absent" } do
    r = arrive(by)
    expect(not mt.eom_check(r.conn, MT_RCPTDELETE, "rcpt@example.net") and not mt.eom_check(r.conn, MT_RCPTADD, "bad@example.org"), by .. ": redirected")
    mt.disconnect(r.conn)
end
