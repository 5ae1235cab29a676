--[[
The peer of the Redis cases: a gate as somebody who knows nginx, Lua and Redis would write it by hand. Token, grant, session,
use limit and log for playlists, over the Redis that hlsgate has, too.

What is on the path of every request is written so that LuaJIT compiles it and costs no more than it must:
- HMAC-SHA256 by libcrypto, which nginx has loaded, from two states that have taken the padded secret already; Debian has no
  Lua package that would be cheaper;
- the stream key is cut out by the location's regular expression, the /24 is three bytes of the binary address;
- connections are kept alive, and one pipeline asks for grant, session (which it renews) and use at once;
- a second pipeline only where there is something to write: a session that begins, a token used for the first time. Log
  entries go with it "at once", or are gathered in the worker and written ten times a second ("gathered").

    GATE:g:NET:UA:UID         set of stream keys, lives as long as the grant
    GATE:s:NET:UA:UID:KEY     a session's id
    GATE:u:TOKEN              the viewer the token belongs to
    GATE:recent, GATE:denied  the newest LOG_ENTRIES of each
]]
local ffi = require "ffi"
local redis = require "nginx.redis"

local LOG_ENTRIES, LOG_SECONDS = 1000, 0.1
local SESSION_SECONDS = 7200
local POOL_SIZE, POOL_IDLE_MS, TIMEOUT_MS = 128, 60000, 1000
local BLOCK, DIGEST = 64, 32 -- bytes of SHA-256
local null = ngx.null

local gate = {}
local settings -- host, port, secret, log
local inner, outer -- SHA-256 states behind the padded secret

ffi.cdef [[
typedef struct { uint32_t h[8], n[2], data[16]; unsigned int num, md_len; } bench_sha256;
int SHA256_Init(bench_sha256 *c);
int SHA256_Update(bench_sha256 *c, const void *data, size_t len);
int SHA256_Final(unsigned char *md, bench_sha256 *c);
int CRYPTO_memcmp(const void *a, const void *b, size_t len);
unsigned char *ngx_hex_dump(unsigned char *dst, const unsigned char *src, size_t len);
]]
local C = ffi.C
local state = ffi.new("bench_sha256")
local state_bytes = ffi.sizeof("bench_sha256")
local digest = ffi.new("unsigned char[?]", DIGEST)
local hex = ffi.new("unsigned char[?]", 2 * DIGEST)

local function padded(secret, byte)
    local block, result = secret .. string.rep("\0", BLOCK - #secret), ffi.new("bench_sha256")
    local mixed = block:gsub(".", function(c) return string.char(bit.bxor(c:byte(), byte)) end)
    C.SHA256_Init(result)
    C.SHA256_Update(result, mixed, BLOCK)
    return result
end

--- `options`: host, port, secret (at most 64 bytes), log ("at once" or "gathered").
function gate.configure(options)
    settings = options
    inner, outer = padded(options.secret, 0x36), padded(options.secret, 0x5c)
end

-- RFC 2104; leaves the lower-case digits in `hex`.
local function hmac_hex(text)
    ffi.copy(state, inner, state_bytes)
    C.SHA256_Update(state, text, #text)
    C.SHA256_Final(digest, state)
    ffi.copy(state, outer, state_bytes)
    C.SHA256_Update(state, digest, DIGEST)
    C.SHA256_Final(digest, state)
    C.ngx_hex_dump(hex, digest, DIGEST)
end

local function token_holds(uid, path, expires, token)
    if not (uid and expires and token) or #token ~= 2 * DIGEST or (tonumber(expires) or 0) < ngx.time() then
        return false
    end
    hmac_hex(uid .. ":" .. path .. ":" .. expires)
    return C.CRYPTO_memcmp(hex, token, 2 * DIGEST) == 0
end

local function connect()
    local red = redis:new()
    red:set_timeout(TIMEOUT_MS)
    local ok, err = red:connect(settings.host, settings.port)
    if not ok then
        ngx.log(ngx.ERR, "redis: ", err)
        return nil
    end
    return red
end

local function commit(red)
    local replies, err = red:commit_pipeline()
    if not replies then
        ngx.log(ngx.ERR, "redis: ", err)
        return nil
    end
    for i = 1, #replies do
        if type(replies[i]) == "table" then -- {false, what it said}
            ngx.log(ngx.ERR, "redis: ", replies[i][2])
            return nil
        end
    end
    return replies
end

local gathered = { recent = {}, denied = {} }

local function write_entries(red, list, ...)
    red:lpush("GATE:" .. list, ...)
    red:ltrim("GATE:" .. list, 0, LOG_ENTRIES - 1)
end

local function flush()
    local red = connect()
    if not red then
        return
    end
    red:init_pipeline(4)
    local count = 0
    for list, entries in pairs(gathered) do
        if #entries > 0 then
            write_entries(red, list, unpack(entries, math.max(1, #entries - LOG_ENTRIES + 1)))
            gathered[list] = {}
            count = count + 1
        end
    end
    if count == 0 then
        red:cancel_pipeline()
    elseif not commit(red) then
        return
    end
    red:set_keepalive(POOL_IDLE_MS, POOL_SIZE)
end

function gate.start_worker()
    if settings.log == "gathered" then
        assert(ngx.timer.every(LOG_SECONDS, flush))
    end
end

local function gather(list, entry)
    local entries = gathered[list]
    entries[#entries + 1] = entry
end

local function look(red, r)
    red:init_pipeline(3)
    red:sismember(r.grant, r.stream_key)
    red:getex(r.session, "EX", SESSION_SECONDS)
    red:get(r.use)
    return commit(red)
end

-- What must be refused, by what look() has found; nil: nothing.
local function refusal(r, granted, session, user)
    if session == null and granted ~= 1 then
        return "no grant"
    end
    if user ~= null and user ~= r.viewer then
        return "another viewer's token"
    end
end

local function entry_of(r, verdict)
    return ngx.time() .. " " .. r.address .. " " .. r.uid .. " " .. r.path .. " " .. verdict
end

-- Takes the token for this viewer, begins the session, logs; one pipeline. What was refused meanwhile is told.
local function write(red, r, is_new, is_first)
    red:init_pipeline(4)
    if is_first then
        red:set(r.use, r.viewer, "NX", "GET", "EX", math.max(1, r.expires - ngx.time()))
    end
    if is_new then
        red:set(r.session, ngx.var.request_id, "NX", "EX", SESSION_SECONDS)
    end
    if settings.log == "at once" then
        write_entries(red, "recent", entry_of(r, "admitted"))
    end
    local replies = commit(red)
    if replies and is_first and replies[1] ~= null and replies[1] ~= r.viewer then
        return replies, "another viewer's token"
    end
    return replies
end

local function finish(red, status)
    if red then
        red:set_keepalive(POOL_IDLE_MS, POOL_SIZE)
    end
    if status then
        return ngx.exit(status)
    end
end

local function refuse(red, r, why)
    if settings.log == "gathered" then
        gather("denied", entry_of(r, why))
    else
        red:init_pipeline(2)
        write_entries(red, "denied", entry_of(r, why))
        if not commit(red) then
            return ngx.exit(503)
        end
    end
    return finish(red, 403)
end

local function request_of(var, uid, expires, token)
    local viewer = var.binary_remote_addr:sub(1, 3) .. ":" .. ngx.md5(var.http_user_agent or ""):sub(1, 8)
    local r = { uid = uid, path = var.uri, address = var.remote_addr, expires = tonumber(expires) }
    r.viewer, r.stream_key = viewer, var.stream_key
    r.grant = "GATE:g:" .. viewer .. ":" .. uid
    r.session = "GATE:s:" .. viewer .. ":" .. uid .. ":" .. r.stream_key
    r.use = "GATE:u:" .. token
    return r
end

--- The access phase of a playlist.
function gate.admit()
    local var = ngx.var
    local uid, expires, token = var.arg_uid, var.arg_expires, var.arg_token
    if not token_holds(uid, var.uri, expires, token) then
        return ngx.exit(403)
    end
    local r, red = request_of(var, uid, expires, token), connect()
    local seen = red and look(red, r)
    if not seen then
        return ngx.exit(503)
    end
    local session, user = seen[2], seen[3]
    local why = refusal(r, seen[1], session, user)
    if why then
        return refuse(red, r, why)
    end
    if session == null or user == null or settings.log == "at once" then
        local written, late = write(red, r, session == null, user == null)
        if not written then
            return ngx.exit(503)
        end
        if late then
            return refuse(red, r, late)
        end
    end
    if settings.log == "gathered" then
        gather("recent", entry_of(r, "admitted"))
    end
    return finish(red)
end

return gate
