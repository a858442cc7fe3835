-- Socket: unix:, a bare path, TCP by address; UMask sets the mode of the file.
serve("Socket unix:" .. WORK .. "/other\n" .. SINGLE .. "UMask 007\n")
expect_signed(deliver())
local mode = io.popen("stat -c %a " .. WORK .. "/other"):read("l")
expect(mode == "770", "the socket has mode " .. mode .. " instead of 770")
local port = 20000 + tonumber(io.popen("shuf -i 0-20000 -n 1"):read("l"))
serve("Socket inet:" .. port .. "@127.0.0.1\n" .. SINGLE)
expect_signed(deliver())
