-- FixCRLF: bare CR and LF are hashed as line ends, a missing last one is added.
serve(SINGLE .. "Canonicalization simple/relaxed\nFixCRLF yes\n")
local function hash(body)
    return expect_signed(deliver { body = body })[1]:gsub("%s", ""):match("bh=[^;]*")
end
expect(hash("one\ntwo\n") == hash("one\r\ntwo\r\n"), "bare LF is hashed as it is")
expect(hash("one\r\ntwo") == hash("one\r\ntwo\r\n"), "a missing last line end is not repaired")
