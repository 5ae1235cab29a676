--[[
The peer of the Redis cases: a gate as somebody who knows nginx, Lua and Redis would write it by hand. Token, grant, session,
use limit and log for playlists, over the Redis that hlsgate has, too.

HMAC-SHA256 is libcrypto's, which nginx has loaded, from two states that have taken the padded secret already; Debian has no Lua
package that would be cheaper. The stream key is cut out by the location's regular expression, the /24 is three bytes of the
binary address, and connections are kept alive. Redis is asked once for each request, in one of two ways:

- "pipeline": the grant, the session (which is renewed) and the token's viewer in one pipeline, judged here; a second one only
  when a session begins or a token is used for the first time. Log entries are gathered in the worker and written ten times a
  second.
- "script": a Lua script decides in one atomic step and writes the log entry, too.

    WAY:g:NET:UA:UID        set of stream keys, lives as long as the grant
    WAY:s:NET:UA:UID:KEY    a session's id
    WAY:u:TOKEN             the viewer the token belongs to
    WAY:recent, WAY:denied  the newest LOG_ENTRIES of each
]]
local ffi = require "ffi"
local redis = require "nginx.redis"

local LOG_ENTRIES, LOG_SECONDS = 1000, 0.1
local SESSION_SECONDS = 7200
local POOL_SIZE, POOL_IDLE_MS, TIMEOUT_MS = 128, 60000, 5000
local BLOCK, DIGEST = 64, 32 -- bytes of SHA-256
local null = ngx.null

local gate = {}
local settings -- host, port, secret, way
local prefix -- of all keys: WAY:
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

--- `options`: host, port, secret (at most 64 bytes), way ("pipeline" or "script").
function gate.configure(options)
    settings, prefix = options, options.way .. ":"
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

local function give_back(red)
    red:set_keepalive(POOL_IDLE_MS, POOL_SIZE)
end

-- ---- pipeline ----

local gathered = { recent = {}, denied = {} }

local function write_entries(red)
    for list, entries in pairs(gathered) do
        if #entries > 0 then
            red:lpush(prefix .. list, unpack(entries, math.max(1, #entries - LOG_ENTRIES + 1)))
            red:ltrim(prefix .. list, 0, LOG_ENTRIES - 1)
            gathered[list] = {}
        end
    end
    return commit(red)
end

local function flush()
    local red = (#gathered.recent > 0 or #gathered.denied > 0) and connect()
    if red then
        red:init_pipeline(4)
        if write_entries(red) then
            give_back(red)
        end
    end
end

function gate.start_worker()
    if settings.way == "pipeline" then
        assert(ngx.timer.every(LOG_SECONDS, flush))
    end
end

local function gather(r, why)
    local entries = why and gathered.denied or gathered.recent
    entries[#entries + 1] = r.entry .. (why or "admitted")
    return why
end

local function look(red, r)
    red:init_pipeline(3)
    red:sismember(r.grant, r.stream_key)
    red:getex(r.session, "EX", SESSION_SECONDS)
    red:get(r.use)
    return commit(red)
end

-- Begins the session, takes the token for this viewer, unless another was faster. Returns the replies, and who was.
local function write(red, r, is_new, is_first)
    red:init_pipeline(2)
    if is_first then
        red:set(r.use, r.viewer, "NX", "GET", "EX", r.life)
    end
    if is_new then
        red:set(r.session, ngx.var.request_id, "NX", "EX", SESSION_SECONDS)
    end
    local replies = commit(red)
    return replies, replies and is_first and replies[1] ~= null and replies[1]
end

-- Whether Redis has answered, and why the request is refused.
local function by_pipeline(red, r)
    local seen = look(red, r)
    if not seen then
        return false
    end
    local session, user = seen[2], seen[3]
    if session == null and seen[1] ~= 1 then
        return true, gather(r, "no grant")
    end
    if user == null or (session == null and user == r.viewer) then
        local written, faster = write(red, r, session == null, user == null)
        if not written then
            return false
        end
        user = faster or r.viewer
    end
    return true, gather(r, user ~= r.viewer and "another viewer's token" or nil)
end

-- ---- script ----

local SCRIPT = [[
local call = redis.call
local session, user = call('GETEX', KEYS[2], 'EX', ARGV[3]), call('GET', KEYS[3])
local why = ''
if not session and call('SISMEMBER', KEYS[1], ARGV[1]) == 0 then
    why = 'no grant'
elseif user and user ~= ARGV[2] then
    why = "another viewer's token"
else
    if not user then
        call('SET', KEYS[3], ARGV[2], 'EX', ARGV[4])
    end
    if not session then
        call('SET', KEYS[2], ARGV[5], 'EX', ARGV[3])
    end
end
local list = why == '' and KEYS[4] or KEYS[5]
call('LPUSH', list, ARGV[6] .. (why == '' and 'admitted' or why))
call('LTRIM', list, 0, ARGV[7])
return why
]]

local sha = ngx.sha1_bin(SCRIPT):gsub(".", function(c) return ("%02x"):format(c:byte()) end)

local function run_script(red, command, script, r)
    return red[command](red, script, 5, r.grant, r.session, r.use, prefix .. "recent", prefix .. "denied", r.stream_key, r.viewer,
                        SESSION_SECONDS, r.life, ngx.var.request_id, r.entry, LOG_ENTRIES - 1)
end

local function by_script(red, r)
    local why, err = run_script(red, "evalsha", sha, r)
    if not why and err and err:sub(1, 8) == "NOSCRIPT" then
        why, err = run_script(red, "eval", SCRIPT, r)
    end
    if not why then
        ngx.log(ngx.ERR, "redis: ", err)
        return false
    end
    return true, why ~= "" and why or nil
end

-- ---- both ----

local function request_of(var, uid, expires, token)
    local viewer = var.binary_remote_addr:sub(1, 3) .. ":" .. ngx.md5(var.http_user_agent or ""):sub(1, 8)
    local stream_key, now = var.stream_key, ngx.time()
    return {
        viewer = viewer,
        stream_key = stream_key,
        grant = prefix .. "g:" .. viewer .. ":" .. uid,
        session = prefix .. "s:" .. viewer .. ":" .. uid .. ":" .. stream_key,
        use = prefix .. "u:" .. token,
        life = math.max(1, expires - now),
        entry = now .. " " .. var.remote_addr .. " " .. uid .. " " .. var.uri .. " ",
    }
end

--- The access phase of a playlist.
function gate.admit()
    local var = ngx.var
    local uid, expires, token = var.arg_uid, var.arg_expires, var.arg_token
    if not token_holds(uid, var.uri, expires, token) then
        return ngx.exit(403)
    end
    local r, red = request_of(var, uid, expires, token), connect()
    if not red then
        return ngx.exit(503)
    end
    local is_answered, why = (settings.way == "script" and by_script or by_pipeline)(red, r)
    if not is_answered then
        red:close()
        return ngx.exit(503)
    end
    give_back(red)
    if why then
        return ngx.exit(403)
    end
end

return gate
