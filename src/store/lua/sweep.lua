-- Removes up to so many expired records of each kind; what Redis expires by itself needs none of it.
-- ARGV: prefix, now, how many. Answers 0; how many grants, sessions, uses, revocations are left; 1 when there is more to remove;
-- bytes used, most bytes (0: no limit), what goes when there is no room.
local limit = tonumber(ARGV[3])
local more = 0

local function expired(key, up_to)
    local found = call('ZRANGEBYSCORE', P .. key, '-inf', up_to, 'LIMIT', 0, limit)
    more = #found == limit and 1 or more
    return found
end

ensure_meta()
for _, member in ipairs(expired('grants', now)) do
    grant_erase(grant_of_member(member))
end
for _, name in ipairs(expired('sessions', '(' .. now)) do
    call('ZREM', P .. 'sessions', name)
end
for _, name in ipairs(expired('revoked:ends', '(' .. now)) do
    call('ZREM', P .. 'revoked', name)
    call('ZREM', P .. 'revoked:ends', name)
end
local uses, minutes = 0, call('HGETALL', P .. 'uses')
for i = 1, #minutes, 2 do
    if minutes[i] * 60 <= now then
        call('HDEL', P .. 'uses', minutes[i])
    else
        uses = uses + minutes[i + 1]
    end
end
-- An ACL may forbid it.
local memory = redis.pcall('INFO', 'memory')
local function info(field)
    return type(memory) == 'string' and string.match(memory, field .. ':([^\r\n]*)') or ''
end

return {0, call('ZCARD', P .. 'grants'), call('ZCARD', P .. 'sessions'), uses, call('ZCARD', P .. 'revoked'), more,
        tonumber(info('used_memory')) or 0, tonumber(info('maxmemory')) or 0,
        info('maxmemory_policy')}
