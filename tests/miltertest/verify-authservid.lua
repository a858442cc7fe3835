-- AuthservID, AuthservIDWithJobID: the name in front of the results; the MTA's without them.
local function name(config)
    serve_verifier(config)
    local r = arrive("good")
    local name = results(r)
    mt.disconnect(r.conn)
    return name
end
local function equal(got, wanted)
    expect(got == wanted, tostring(got) .. " instead of " .. wanted)
end
equal(name(""), "mx.example.com")
equal(name("AuthservID results.example.org\n"), "results.example.org")
equal(name("AuthservIDWithJobID yes\n"), "mx.example.com/4XyZ1a2b3c")
equal(name("AuthservID results.example.org\nAuthservIDWithJobID yes\n"), "results.example.org/4XyZ1a2b3c")
local host = io.popen("uname -n"):read()
equal(name("AuthservID HOSTNAME\n"), host)
