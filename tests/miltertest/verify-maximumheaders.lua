-- MaximumHeaders and On-Security hold for arriving mail too. A pure verifier answers at the end of the header
-- section, where miltertest can't read the text. (As for opendkim see option-maximumheaders.lua.)
if not IS_OPENDKIM then
    local function big() return arrive { by = { "good" }, more = { { "X-Big", ("x"):rep(400) } } } end
    serve(SINGLE .. PUBLIC .. "MaximumHeaders 1000\n")
    expect_verified(arrive("good"), "dkim=pass")
    expect_refused_for_now(big(), "header-too-large")
    serve(SINGLE .. PUBLIC .. "MaximumHeaders 1000\nOn-Security reject\n")
    expect_refused_for_good(big(), "header-too-large")
end
