-- ARGV: prefix, now, id, uid (one of both is ''), most revocations
local id, uid = ARGV[3], ARGV[4]
local revoked = {}
local ended = 0

local function anything()
    return true
end

if not may_revoke(id ~= '' and 1 or call('ZCARD', P .. 'u:' .. uid), tonumber(ARGV[5])) then
    return {0, -1}
end
if id == '' then
    ended = sessions_end(uid, anything, revoked)
else
    local name = call('GET', P .. 'i:' .. id)
    local key = name and call('HGET', P .. 's:' .. name, 'key')
    if key then
        ended = session_end(name, string.match(string.sub(name, VIEWER_LEN + 1), '^%d+:(.*)$'), id, key, revoked)
    end
end
if #revoked > 0 then
    say_revoked()
end
return append({1, ended}, revoked)
