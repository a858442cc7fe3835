-- On-DNSError: DNS gives no answer. opendkim never says a word about such mail; dkimd tells of it, and does what the
-- option says where it is written. Nobody answers at the discard port.
local nobody = "Mode v\nNameservers 127.0.0.1@9\nDNSTimeout 1\n"
local function expect_told(r)
    if IS_OPENDKIM then expect_verified(r) else expect_verified(r, "dkim=temperror") end
end
serve(nobody)
expect_told(arrive("good"))
serve(nobody .. "On-DNSError tempfail\n")
if IS_OPENDKIM then
    expect_told(arrive("good"))
else
    expect_refused(arrive("good"), "tempfail", "451", "4.7.5", "DKIM key retrieval failed")
end
serve(nobody .. "On-DNSError reject\n")
if not IS_OPENDKIM then expect_refused(arrive("good"), "reject", "550", "5.7.20", "DKIM key retrieval failed") end
serve(nobody .. "On-DNSError accept\n")
expect_told(arrive("good"))
