-- What scripts about arriving mail use: a verifier with test keys, messages with the signatures of arriving.py, and
-- what is expected of the results.

dofile(KEYS .. "/arriving.lua")
PUBLIC = "TestPublicKeys " .. KEYS .. "/public\n"
-- The same records from a name server.
DNS = "Mode v\nNameservers " .. os.getenv("DKIM_NAMESERVER") .. "\n"
RESULTS = "Authentication-Results"

-- Starts a verifier that knows the test keys.
function serve_verifier(config)
    serve("Mode v\n" .. PUBLIC .. (config or ""))
end

-- A stranger's message with the named signatures on top, in their order; `from`, `more` and `body` as for deliver.
function arrive(m, ...)
    m = type(m) == "table" and m or { by = { m, ... } }
    m.headers = m.headers or {}
    for _, name in ipairs(m.by or {}) do
        table.insert(m.headers, { "DKIM-Signature", assert(SIGNATURES[name], name) })
    end
    for _, field in ipairs(SIGNED_FIELDS) do
        local value = field[2]
        if m.fields and m.fields[field[1]] ~= nil then value = m.fields[field[1]] end
        if value then table.insert(m.headers, { field[1], value }) end
    end
    m.host, m.ip = OUTSIDE.host, OUTSIDE.ip
    m.what = m.what or table.concat(m.by or {}, ", ")
    return deliver(m)
end

-- Authentication-Results that were inserted: name and items of the one field, or nil.
function results(r)
    if r.stage ~= "eom" then return nil end
    local value = mt.getheader(r.conn, RESULTS, 0)
    if value == nil then return nil end
    if mt.getheader(r.conn, RESULTS, 1) then error(r.what .. ": two fields of results") end
    local items = {}
    -- Semicolons in comments part no items.
    value = value:gsub("%s+", " "):gsub("%b()", function(comment) return (comment:gsub(";", "\0")) end)
    for item in (value .. ";"):gmatch("([^;]*);") do
        table.insert(items, (item:gsub("^ ", ""):gsub("\0", ";")))
    end
    local name = table.remove(items, 1)
    -- opendkim tells of ATPS in every field.
    if IS_OPENDKIM and items[#items] == "dkim-atps=neutral" then table.remove(items) end
    return name, items
end

-- The results begin as told, one text for each item; without texts there is no field.
function expect_results(r, ...)
    local wanted = { ... }
    local _, items = results(r)
    items = items or {}
    local got = table.concat(items, "; ")
    if #items ~= #wanted then
        error(r.what .. ": " .. #items .. " results (" .. got .. ") instead of " .. #wanted, 3)
    end
    for number, text in ipairs(wanted) do
        if items[number]:sub(1, #text) ~= text then
            error(r.what .. ": " .. got .. " instead of " .. text, 3)
        end
    end
    return items
end

-- The message goes on, with these results.
function expect_verified(r, ...)
    local items = expect_results(r, ...)
    if r.reply ~= SMFIR_ACCEPT and r.reply ~= SMFIR_CONTINUE then
        error(r.what .. ": reply " .. string.char(math.floor(r.reply)) .. " instead of going on", 2)
    end
    mt.disconnect(r.conn)
    return items
end

-- The message is refused with this text; RFC 7372's detail is dkimd's, opendkim says .0 or has its own.
function expect_refused_with(r, kind, detail, text, opendkim_detail)
    local code, class = "550", "5."
    if kind == "tempfail" then code, class = "451", "4." end
    if IS_OPENDKIM then detail = opendkim_detail or "7.0" end
    expect_refused(r, kind, code, class .. detail, text)
end

-- Each word of the On- options for an arriving message with one signature (or none), and the reply that it brings.
function expect_each_action(option, signature, text, temporary, opendkim_temporary)
    local function one(word)
        serve_verifier(option .. " " .. word .. "\n")
        return signature and arrive(signature) or arrive {}
    end
    expect_refused_with(one("reject"), "reject", "7.20", text)
    expect_refused_with(one("tempfail"), "tempfail", temporary or "7.20", text, opendkim_temporary)
    expect_refused(one("discard"), "discard")
    local r = one("accept")
    expect(r.reply == SMFIR_ACCEPT or r.reply == SMFIR_CONTINUE, option .. " accept: refused")
    mt.disconnect(r.conn)
    -- opendkim lets it through unless CaptureUnknownErrors is on.
    expect_held(one("quarantine"), not IS_OPENDKIM)
end

-- The message goes on, into quarantine or not.
function expect_held(r, held)
    expect(r.reply == SMFIR_ACCEPT or r.reply == SMFIR_CONTINUE, r.what .. ": refused instead of held")
    expect(mt.eom_check(r.conn, MT_QUARANTINE, "opendkim") == held, r.what .. ": " .. (held and "not held" or "held"))
    mt.disconnect(r.conn)
end

-- Whether a field of results with this value, which came with a message signed so, is deleted.
function deletes(value, signature)
    local r = arrive { by = { signature or "good" }, more = { { RESULTS, value } } }
    local deleted = mt.eom_check(r.conn, MT_HDRDELETE, RESULTS)
    mt.disconnect(r.conn)
    return deleted
end

-- Waits for a file that the filter writes and gives its text.
function written(path)
    for _ = 1, 50 do
        local from = io.open(path, "rb")
        local text = from and from:read("a")
        if from then from:close() end
        if text and text ~= "" then return text end
        mt.sleep(0.1)
    end
    error(path .. " is not written", 2)
end
