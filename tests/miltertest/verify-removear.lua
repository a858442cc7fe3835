-- RemoveARFrom, RemoveARAll: forged results are deleted; those of our own name, or of the names told.
local ours, theirs = "mx.example.com; ", "relay.example.net; "
serve_verifier()
expect(deletes(ours .. "dkim=pass header.d=bank.example"), "a forged result stays")
expect(deletes(ours .. "dkim=pass", "broken"), "a forged result stays on mail with a broken signature")
expect(not deletes(theirs .. "dkim=pass"), "another's result is deleted")
-- opendkim leaves our own name to other methods and to whatever it can't read; dkimd leaves it to nobody.
for _, forged in ipairs { "spf=pass smtp.mailfrom=a@bank.example", "dkim=pass foo.bar=x", "none", ";;" } do
    expect(deletes(ours .. forged) == not IS_OPENDKIM, forged)
end
-- A malformed signature, or none that can be read, does not save it either.
expect(deletes(ours .. "dkim=pass", "syntax") == not IS_OPENDKIM, "a malformed signature decides about forged results")
serve_verifier("RemoveARAll yes\n")
expect(deletes(ours .. "spf=pass smtp.mailfrom=a@bank.example"), "RemoveARAll: a result of another method stays")
expect(not deletes(theirs .. "spf=pass smtp.mailfrom=a@bank.example"), "RemoveARAll: another's result is deleted")
serve_verifier("RemoveARFrom relay.example.net\n")
expect(deletes(theirs .. "dkim=pass"), "RemoveARFrom: a result of that name stays")
expect(not deletes(theirs .. "spf=pass smtp.mailfrom=a@bank.example"), "RemoveARFrom: another method's result is deleted")
-- With opendkim the list takes the place of its own name.
expect(deletes(ours .. "dkim=pass") == not IS_OPENDKIM, "RemoveARFrom: our own name")
serve_verifier("RemoveARFrom relay.example.net\nRemoveARAll yes\n")
expect(deletes(theirs .. "spf=pass smtp.mailfrom=a@bank.example"), "RemoveARFrom and RemoveARAll: a result stays")
-- Hosts below a name: opendkim documents it and does not do it.
serve_verifier("RemoveARFrom .example.net\n")
expect(deletes(theirs .. "dkim=pass") == not IS_OPENDKIM, "RemoveARFrom: hosts below a name")
expect(not deletes("example.net; dkim=pass"), "RemoveARFrom: the name itself")
