-- On-DNSError: DNS gives no answer (nobody answers at the discard port). opendkim lets such mail through without a
-- word, whatever the option says; dkimd tells of it, and obeys where the option is written.
local nobody = "Mode v\nNameservers 127.0.0.1@9\nDNSTimeout 1\n"
if IS_OPENDKIM then
    serve(nobody .. "On-DNSError reject\n")
    expect_verified(arrive("good"))
else
    serve(nobody)
    expect_verified(arrive("good"), "dkim=temperror")
    serve(nobody .. "On-DNSError accept\n")
    expect_verified(arrive("good"), "dkim=temperror")
    serve(nobody .. "On-DNSError reject\n")
    expect_refused_with(arrive("good"), "reject", "7.20", "DKIM key retrieval failed")
    serve(nobody .. "On-DNSError tempfail\n")
    expect_refused_with(arrive("good"), "tempfail", "7.5", "DKIM key retrieval failed")
    serve(nobody .. "On-DNSError discard\n")
    expect_refused(arrive("good"), "discard")
    serve(nobody .. "On-DNSError quarantine\n")
    expect_held(arrive("good"), true)
end
