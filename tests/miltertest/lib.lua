-- What every script uses: starts the filter named by DKIM_PROGRAM, hands it messages, states what is expected.

PROGRAM = os.getenv("DKIM_PROGRAM")
WORK = os.getenv("DKIM_WORK")
KEYS = os.getenv("DKIM_KEYS")
-- Debian's opendkim itself, for which some expectations are those of its defects.
IS_OPENDKIM = os.getenv("DKIM_IS_OPENDKIM") == "yes"

local served = 0
local running = false

-- The three lines most configurations begin with.
SINGLE = "Domain example.com\nSelector mail\nKeyFile " .. KEYS .. "/mail.private\n"
OUTSIDE = { host = "stranger.example.net", ip = "203.0.113.9" }

-- Writes a file into the work directory and gives its path.
function file(name, text)
    local path = WORK .. "/" .. name
    local out = assert(io.open(path, "wb"))
    out:write(text)
    out:close()
    return path
end

-- Ends the filter before another is started; miltertest itself ends the last one.
local function stop()
    if running then
        mt.signal(15)
        running = false
    end
end

-- Starts the filter with a configuration; the one before is ended.
function serve(config, ...)
    stop()
    served = served + 1
    local socket = "local:" .. WORK .. "/socket" .. served
    if not config:match("Socket ") then
        config = "Socket " .. socket .. "\n" .. config
    else
        socket = config:match("Socket (%S+)")
    end
    local path = file("conf" .. served, config)
    mt.startfilter(PROGRAM, "-f", "-x", path, ...)
    running = true
    SOCKET = socket
end

-- A new connection to the filter. (miltertest takes steps before actions, other than its manual says.)
function connection(offered)
    local conn = mt.connect(SOCKET, 200, 0.05)
    if conn == nil then
        error("the filter does not listen on " .. SOCKET)
    end
    if offered and mt.negotiate(conn, offered.version, offered.steps, offered.actions) ~= nil then
        error("negotiation failed")
    end
    return conn
end

local function goes_on(conn)
    local reply = mt.getreply(conn)
    return reply == 0 or reply == SMFIR_CONTINUE or reply == SMFIR_SKIP
end

local function say(conn, what, failed)
    if failed ~= nil then
        error(what .. " failed: " .. tostring(failed))
    end
    return not goes_on(conn)
end

-- Sends one message on an open connection; gives the stage at which the filter said its last word.
function send(conn, m)
    mt.macro(conn, SMFIC_MAIL, "i", m.job or "4XyZ1a2b3c", table.unpack(m.macros or {}))
    if say(conn, "MAIL", mt.mailfrom(conn, m.sender or "<sender@example.com>")) then return "mail" end
    for _, rcpt in ipairs(m.rcpt or { "<rcpt@example.net>" }) do
        if say(conn, "RCPT", mt.rcptto(conn, rcpt)) then return "rcpt" end
    end
    local headers = m.headers or {
        { "From", m.from or "joe@example.com" }, { "To", "rcpt@example.net" },
        { "Date", "Fri, 2 Jan 2026 03:04:05 +0000" }, { "Subject", "a test" },
    }
    for _, h in ipairs(headers) do
        if say(conn, "header", mt.header(conn, h[1], h[2])) then return "header" end
    end
    for _, h in ipairs(m.more or {}) do
        if say(conn, "header", mt.header(conn, h[1], h[2])) then return "header" end
    end
    if say(conn, "end of headers", mt.eoh(conn)) then return "eoh" end
    -- Without this call miltertest sends a body of its own; it can't send an empty one.
    if say(conn, "body", mt.bodystring(conn, m.body or "Hello\r\n")) then return "body" end
    if say(conn, "end of message", mt.eom(conn)) then return "eom" end
    return "eom"
end

-- Opens a connection and sends one message.
function deliver(m)
    m = m or {}
    local conn = connection(m.offered)
    local macros = { "j", "mx.example.com", "{daemon_name}", m.daemon or "mx.example.com" }
    mt.macro(conn, SMFIC_CONNECT, table.unpack(macros))
    local stage
    if say(conn, "connect", mt.conninfo(conn, m.host or "localhost", m.ip or "127.0.0.1")) then
        stage = "connect"
    else
        stage = send(conn, m)
    end
    return { conn = conn, stage = stage, reply = mt.getreply(conn), what = m.what or "the message" }
end

local function name_of(reply)
    return reply == 0 and "none" or string.char(math.floor(reply))
end

-- All DKIM-Signature fields inserted, in the order of their insertion.
function signatures(r)
    local found = {}
    if r.stage ~= "eom" then return found end
    while true do
        local value = mt.getheader(r.conn, "DKIM-Signature", #found)
        if value == nil then return found end
        table.insert(found, 1, value)
    end
end

local function done(r)
    mt.disconnect(r.conn)
end

-- The message goes on with as many signatures as there are tag tables (one with no table).
function expect_signed(r, ...)
    local wanted = { ... }
    local found = signatures(r)
    local count = math.max(#wanted, 1)
    if #found ~= count then
        error(r.what .. ": " .. #found .. " signatures instead of " .. count
            .. " (stage " .. r.stage .. ", reply " .. name_of(r.reply) .. ")")
    end
    if r.reply ~= SMFIR_ACCEPT and r.reply ~= SMFIR_CONTINUE then
        error(r.what .. ": signed, but the reply is " .. name_of(r.reply))
    end
    for number, tags in ipairs(wanted) do
        for tag, value in pairs(tags) do
            local flat = ";" .. found[number]:gsub("%s", "") .. ";"
            local got = flat:match(";" .. tag .. "=([^;]*);")
            if value == false then value = nil end
            if value ~= nil and value:sub(1, 1) == "^" and got and got:match(value) then
                value = got
            end
            if got ~= value then
                error(r.what .. ": " .. tag .. "=" .. tostring(got) .. " instead of " .. tostring(value))
            end
        end
    end
    done(r)
    return found
end

-- The message goes on without a signature.
function expect_unsigned(r)
    if r.reply ~= SMFIR_ACCEPT and r.reply ~= SMFIR_CONTINUE then
        error(r.what .. ": reply " .. name_of(r.reply) .. " at " .. r.stage .. " instead of going on unsigned")
    end
    if #signatures(r) ~= 0 then
        error(r.what .. ": signed")
    end
    done(r)
end

-- The message is refused: "tempfail", "reject" or "discard"; with code, enhanced code and text if all three are given.
function expect_refused(r, kind, code, enhanced, text)
    local plain = { tempfail = SMFIR_TEMPFAIL, reject = SMFIR_REJECT, discard = SMFIR_DISCARD }
    if #signatures(r) ~= 0 then
        error(r.what .. ": signed instead of " .. kind)
    end
    if code == nil then
        if r.reply ~= plain[kind] and not (r.reply == SMFIR_REPLYCODE and kind ~= "discard") then
            error(r.what .. ": reply " .. name_of(r.reply) .. " at " .. r.stage .. " instead of " .. kind)
        end
    elseif r.reply ~= SMFIR_REPLYCODE then
        error(r.what .. ": reply " .. name_of(r.reply) .. " without a text instead of " .. code)
    elseif r.stage ~= "eom" then
        -- opendkim refuses at the end of the header section.
        if not IS_OPENDKIM then error(r.what .. ": refused with a text at " .. r.stage .. ", where miltertest can't read it") end
    elseif not mt.eom_check(r.conn, MT_SMTPREPLY, code, enhanced, text) then
        -- miltertest compares nothing unless all three are given.
        error(r.what .. ": the reply is not " .. code .. " " .. enhanced .. " " .. text)
    end
    done(r)
end

-- What dkimd answers when it should sign and can't, with its word for the cause; opendkim answers with a bare
-- temporary failure or with words of its own.
local SENTENCES = {
    ["key-too-small"] = "DKIM signing error", ["key-not-in-table"] = "DKIM signing table error",
    ["table-entry-unusable"] = "DKIM signing table error", ["header-too-large"] = "too much header data",
}

function expect_refused_for_now(r, cause)
    if IS_OPENDKIM then
        expect_refused(r, "tempfail")
    else
        local sentence = SENTENCES[cause] or "DKIM signing key unavailable"
        expect_refused(r, "tempfail", "451", "4.7.0", sentence .. " (" .. cause .. ")")
    end
end

-- The same for good, as the On- options may ask.
function expect_refused_for_good(r, cause)
    if IS_OPENDKIM then
        expect_refused(r, "reject")
    else
        local sentence = SENTENCES[cause] or "DKIM signing key unavailable"
        expect_refused(r, "reject", "550", "5.7.0", sentence .. " (" .. cause .. ")")
    end
end

function expect(condition, text)
    if not condition then error(text, 2) end
end

-- Runs a script and prints what it objects to, which miltertest keeps to itself.
function run(path)
    local ok, what = pcall(dofile, path)
    if not ok then
        io.stderr:write(what, "\n")
        error(what)
    end
end
