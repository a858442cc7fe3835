-- Minimum: how much of the body must be signed; opendkim reads it and does nothing. Three octets of seven are signed.
for option, enough in pairs { ["3"] = true, ["4"] = false, ["40%"] = true, ["50%"] = false, ["4+"] = true, ["3+"] = false } do
    serve_verifier("Minimum " .. option .. "\n")
    local wanted = 'dkim=policy reason="too much of the body unsigned"'
    expect_verified(arrive { by = { "part" }, what = "Minimum " .. option }, (enough or IS_OPENDKIM) and "dkim=pass" or wanted)
    expect_verified(arrive("good"), "dkim=pass")
end
