-- A signer outside of d= gives no i=; one without @ makes opendkim let the message out unsigned, dkimd signs it.
local keys = file("keys", "one example.com:mail:" .. KEYS .. "/mail.private\n")
serve("KeyTable " .. keys .. "\nSigningTable csl:good@example.com=one:me@sub.example.com,far@example.com=one:me@example.org,bare@example.com=one:me\n")
expect_signed(deliver { from = "good@example.com" }, { i = "me@sub.example.com" })
expect_signed(deliver { from = "far@example.com" }, { i = false })
if IS_OPENDKIM then
    expect_unsigned(deliver { from = "bare@example.com" })
else
    expect_signed(deliver { from = "bare@example.com" }, { i = false })
end
