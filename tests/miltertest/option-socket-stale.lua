-- A socket file that nobody listens on is replaced.
local path = WORK .. "/stale"
os.execute("/usr/bin/python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' " .. path)
serve("Socket local:" .. path .. "\n" .. SINGLE)
mt.sleep(1)
expect_signed(deliver())
