-- ARGV: prefix, now, uid ('' = all), limit, session_ttl, how many may be looked at. Answers 0, total; then for each live one: name,
-- last, started, id, ip, ua, stream key.
local uid, limit, session_ttl, look_at = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local PIECE = 1000
local ret = {0, 0}
local count, seen = 0, 0

local function add(name)
    local s = call('HMGET', P .. 's:' .. name, 'started', 'id', 'ip', 'ua', 'key')
    if not s[2] then
        return
    end
    seen = seen + 1
    local viewer, ends, owner = string.sub(name, 1, VIEWER_LEN), string.match(string.sub(name, VIEWER_LEN + 1), '^(%d+):(.*)$')
    local of_place, last = session_at(place_key(viewer, owner, s[5]))
    if count < limit and of_place == tonumber(ends) and of_place > now and last + session_ttl > now then
        count = count + 1
        append(ret, {name, last})
        append(ret, s)
    end
end

local key, suffix = P .. 'sessions', ''
if uid ~= '' then
    key, suffix = P .. 'u:' .. uid, ':' .. uid
end
for from = 0, look_at - 1, PIECE do
    local piece = call('ZRANGE', key, from, from + PIECE - 1)
    for _, member in ipairs(piece) do
        add(member .. suffix)
    end
    if #piece < PIECE or (uid == '' and count == limit) then
        break
    end
end
ret[2] = uid ~= '' and seen or call('ZCARD', key)
return ret
