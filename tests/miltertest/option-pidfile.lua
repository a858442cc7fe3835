-- PidFile holds the number of the process.
serve(SINGLE .. "PidFile " .. WORK .. "/pid\n")
expect_signed(deliver())
local pid = assert(io.open(WORK .. "/pid"), "no pid file"):read("n")
expect(os.execute("kill -0 " .. pid), "no process " .. pid)
