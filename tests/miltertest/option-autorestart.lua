-- AutoRestart: a worker that dies is started again. (opendkim is run behind a shell here, which hides its processes.)
if not IS_OPENDKIM then
    local pidfile = WORK .. "/pid"
    serve(SINGLE .. "AutoRestart yes\nPidFile " .. pidfile .. "\n")
    expect_signed(deliver())
    local input = assert(io.open(pidfile))
    local pid = input:read("n")
    input:close()
    local function worker()
        local children = assert(io.open(("/proc/%d/task/%d/children"):format(pid, pid)))
        local first = children:read("n")
        children:close()
        return first
    end
    local first = worker()
    expect(first, "there is no worker process")
    os.execute(("kill -9 %d; while kill -0 %d 2>/dev/null; do sleep 0.05; done"):format(first, first))
    expect_signed(deliver { what = "a message after the worker died" })
    expect(worker() ~= first, "the worker is the old one")
end
