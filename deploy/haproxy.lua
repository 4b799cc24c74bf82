-- Asks Tokenry about a request: http-request lua.tokenry http://127.0.0.1:8000/v1/auth?scopes=read:projects
-- Only 200 lets a request on. Everything else, an error in this file too, answers the client.

local ASKED = { "authorization", "x-api-key", "x-api-token", "cookie", "origin", "sec-fetch-site", "x-request-id" }
local IDENTITY = { "x-auth-key-id", "x-auth-owner", "x-auth-tenant", "x-auth-scopes", "x-auth-session" }
local ANSWERED = { "www-authenticate", "retry-after", "content-type", "cache-control", "x-request-id" }
local REFUSALS = { [400] = true, [401] = true, [403] = true, [422] = true, [429] = true }

-- HAProxy counts the values of a field from 0.
local function values(headers, name)
    local found = {}
    local place = 0
    while headers[name] and headers[name][place] do
        table.insert(found, headers[name][place])
        place = place + 1
    end
    return found
end

local function refuse(txn, status, headers, body)
    local reply = txn:reply({ status = status })
    for _, name in ipairs(ANSWERED) do
        local found = headers and values(headers, name) or {}
        if found[1] then
            reply:add_header(name, found[1])
        end
    end
    reply:set_body(body or "")
    txn:done(reply)
end

local function ask(txn, url)
    local told = txn.http:req_get_headers()
    local headers = {}
    for _, name in ipairs(ASKED) do
        local found = values(told, name)
        if found[1] then
            headers[name] = found
        end
    end
    headers["x-forwarded-for"] = { txn.f:src() }
    -- What a cookie may do depends on the method.
    headers["x-forwarded-method"] = { txn.f:method() }
    return core.httpclient():get({ url = url, headers = headers, timeout = 2000 })
end

local function tokenry(txn, url)
    local asked, answer = pcall(ask, txn, url)
    if not asked or not answer or not answer.status then
        return refuse(txn, 503)
    end
    if answer.status ~= 200 then
        -- Nobody gets in while nobody can be asked.
        return refuse(txn, REFUSALS[answer.status] and answer.status or 503, answer.headers, answer.body)
    end
    for _, name in ipairs(IDENTITY) do
        local found = values(answer.headers, name)
        if found[1] then
            txn.http:req_set_header(name, found[1])
        end
    end
    -- The API knows who calls; it has no use for the credential, nor for the access token of a session.
    local cookies = values(txn.http:req_get_headers(), "cookie")
    txn.http:req_del_header("cookie")
    for _, line in ipairs(cookies) do
        txn.http:req_add_header("cookie", (line:gsub("__Host%-tokenry_access=[^;]*;? *", "")))
    end
    for _, name in ipairs({ "authorization", "x-api-key", "x-api-token" }) do
        txn.http:req_del_header(name)
    end
end

core.register_action("tokenry", { "http-req" }, tokenry, 1)
