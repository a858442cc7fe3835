-- UnprotectedKey, BogusKey: keys of TestPublicKeys are neither protected nor bogus, so that a good signature passes.
for _, word in ipairs { "none", "neutral", "fail" } do
    serve_verifier("BogusKey " .. word .. "\n")
    expect_verified(arrive("good"), "dkim=pass (2048-bit key) header.d=")
    expect_verified(arrive("broken"), "dkim=fail")
end
