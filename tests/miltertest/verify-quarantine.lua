-- CaptureUnknownErrors: with opendkim nothing can be held without it; dkimd holds what the On- options say.
serve_verifier("On-BadSignature quarantine\n")
expect_held(arrive("broken"), not IS_OPENDKIM)
expect_held(arrive("good"), false)
serve_verifier("On-BadSignature quarantine\nCaptureUnknownErrors yes\n")
expect_held(arrive("broken"), true)
expect_held(arrive("good"), false)
-- An MTA that can't hold gets the message with its result.
if not IS_OPENDKIM then
    local r = arrive { by = { "broken" }, offered = { version = 6, actions = 0x111, steps = 0x1fffff } }
    expect_verified(r, "dkim=fail")
end
