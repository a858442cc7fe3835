-- PeerList: such clients are let through at once.
serve(SINGLE .. "PeerList 127.0.0.1\n")
local r = deliver()
expect(r.stage == "connect", "a peer is not accepted at connect but at " .. r.stage)
expect_unsigned(r)
