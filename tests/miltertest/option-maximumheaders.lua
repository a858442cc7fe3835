-- MaximumHeaders and On-Security: what happens to a header section that is too long. (opendkim answers in the middle
-- of the header section, which miltertest takes for a lost connection; the comparison of decisions shows its side.)
if not IS_OPENDKIM then
    local big = { more = { { "X-Big", string.rep("x", 300) } } }
    local limit = SINGLE .. "MaximumHeaders 300\n"
    serve(limit)
    expect_signed(deliver { what = "a short header section" })
    expect_refused_for_now(deliver(big), "header-too-large")
    serve(limit .. "On-Security reject\n")
    expect_refused_for_good(deliver(big), "header-too-large")
    serve(limit .. "On-Security accept\n")
    expect_unsigned(deliver(big))
    serve(limit .. "On-Security discard\n")
    expect_refused(deliver(big), "discard")
end
