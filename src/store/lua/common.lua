-- What stands before every script: ARGV[1] is the prefix of all keys, ARGV[2] the caller's time in Unix seconds. The keys are
-- described in docs/redis.md. All expire: each is given the life of what it holds, by the caller's clock, so that clocks need not agree.
local P = ARGV[1]
local now = tonumber(ARGV[2])
local call = redis.call
local VERSION = '1'
local META_TTL = 30 * 86400
local VIEWER_LEN = 22
local TOLD_MAX = 2000 -- names of revoked sessions in one answer: the rest comes with the feed, as it does to all others

-- A life of at least so many seconds.
local function keep(key, seconds)
    if call('TTL', key) < seconds then
        call('EXPIRE', key, math.max(seconds, 1))
    end
end

local function next_number(field)
    local n = call('HINCRBY', P .. 'meta', field, 1)
    keep(P .. 'meta', META_TTL)
    return n
end

-- Revocations are numbered so that those who know all up to one ask for those behind it. The numbers are the server's time where
-- it is ahead of them: a primary that took over, and never had the last ones, gives none out twice.
local function next_revocation()
    local time = call('TIME')
    local last = tonumber(call('HGET', P .. 'meta', 'revocations')) or 0
    local number = math.max(last + 1, time[1] * 1e6 + time[2])
    call('HSET', P .. 'meta', 'revocations', string.format('%d', number))
    keep(P .. 'meta', META_TTL)
    return number
end

-- Names this state of the database: another one, and whoever follows it begins anew.
local function ensure_meta()
    local time = call('TIME')
    call('HSETNX', P .. 'meta', 'version', VERSION)
    call('HSETNX', P .. 'meta', 'epoch', time[1] .. '.' .. time[2])
    call('EXPIRE', P .. 'meta', META_TTL)
end

-- Uids in the order in which the embedded store has them: where any will do, all take the same.
local function sort_uids(uids)
    table.sort(uids, function(a, b) return #a < #b or (#a == #b and a < b) end)
    return uids
end

-- ---- networks: family, prefix, and as many bytes as the prefix needs ----

local function mask(bytes, prefix)
    local whole = math.floor(prefix / 8)
    local rest = prefix - whole * 8
    if rest == 0 then
        return string.sub(bytes, 1, whole)
    end
    local cut = 2 ^ (8 - rest)
    local last = string.byte(bytes, whole + 1) or 0
    return string.sub(bytes, 1, whole) .. string.char(last - last % cut)
end

-- ---- grants ----
--   g:UID     field KIND NETWORK UA = msgpack of expires, created, order, stream keys, the oldest first
--   n:FIELD   uid = "expires order": who shares the network and User-Agent
--   grants    UID FIELD by expiry
--   networks  which prefix lengths are in use, and until when

local function grant_member(uid, field)
    return string.char(#uid) .. uid .. field
end

local function grant_of_member(member)
    local n = string.byte(member, 1)
    return string.sub(member, 2, n + 1), string.sub(member, n + 2)
end

local function grant_get(uid, field)
    local value = call('HGET', P .. 'g:' .. uid, field)
    return value and {cmsgpack.unpack(value)}
end

-- The grant itself last: what fails half way leaves something to revoke again.
local function grant_erase(uid, field)
    call('ZREM', P .. 'grants', grant_member(uid, field))
    call('HDEL', P .. 'n:' .. field, uid)
    call('HDEL', P .. 'g:' .. uid, field)
end

-- ---- sessions: named by VIEWER ENDS ':' UID, as gate tokens name them ----
--   p:VIEWER UID KEY   ends, last, started (numbers of 8 bytes), id: of the session begun last in this place
--   s:NAME             started, id, ip, ua, key: what does not change
--   i:ID               NAME
--   v:VIEWER KEY       uid by the end of the session in its place
--   u:UID              VIEWER ENDS by end, also of those that were ended: no end is given out twice
--   sessions           NAME by end
--   revoked            NAME by number; revoked:ends NAME by end

local function session_ends(name)
    return tonumber(string.match(name, '^%d+', VIEWER_LEN + 1))
end

local function place_key(viewer, uid, key)
    return P .. 'p:' .. viewer .. string.char(#uid) .. uid .. key
end

-- ends, last, started, id
local function session_at(place)
    local record = call('GET', place)
    if record then
        local ends, last, started, at = struct.unpack('>ddd', record)
        return ends, last, started, string.sub(record, at)
    end
end

-- Its gate tokens are refused from now on, by whoever keeps the list; and it is forgotten. In this order: what fails half way leaves
-- no gate token that nobody can revoke any more.
local function session_end(name, uid, id, key, revoked)
    local ends = session_ends(name)
    if ends >= now then -- a gate token is good in its last second
        call('ZADD', P .. 'revoked', next_revocation(), name)
        call('ZADD', P .. 'revoked:ends', ends, name)
        keep(P .. 'revoked', ends - now + 2)
        keep(P .. 'revoked:ends', ends - now + 2)
        if #revoked < TOLD_MAX then
            revoked[#revoked + 1] = name
        end
    end
    local viewer = string.sub(name, 1, VIEWER_LEN)
    local place = place_key(viewer, uid, key)
    if session_at(place) == ends then
        call('DEL', place)
        call('ZREM', P .. 'v:' .. viewer .. key, uid)
    end
    call('DEL', P .. 's:' .. name, P .. 'i:' .. id)
    call('ZREM', P .. 'sessions', name)
    return ends > now and 1 or 0
end

-- All of a uid that `is_meant` (ip, ua, key) wants to end. Returns how many had gate tokens that were still good.
local function sessions_end(uid, is_meant, revoked)
    local ended = 0
    for _, member in ipairs(call('ZRANGE', P .. 'u:' .. uid, 0, -1)) do
        local name = member .. ':' .. uid
        local s = call('HMGET', P .. 's:' .. name, 'id', 'ip', 'ua', 'key')
        if s[1] and is_meant(s[2], s[3], s[4]) then
            ended = ended + session_end(name, uid, s[1], s[4], revoked)
        end
    end
    return ended
end

-- Is there room for so many revocations more? Asked before anything is written.
local function may_revoke(more, max)
    return call('ZCARD', P .. 'revoked') + more <= max
end

local function say_revoked()
    call('PUBLISH', P .. 'revoked', '')
end

-- unpack() has a limit that a list may be past.
local function append(list, more)
    for _, value in ipairs(more) do
        list[#list + 1] = value
    end
    return list
end
