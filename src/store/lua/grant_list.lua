-- ARGV: prefix, now, uid ('' = all), limit. Answers 0, total; then for each live one: uid, field, created, expires, how many stream
-- keys, and these.
local uid, limit = ARGV[3], tonumber(ARGV[4])
local ret = {0, 0}
local count = 0

local function add(owner, field, grant)
    if count == limit or grant[1] <= now then
        return
    end
    count = count + 1
    for _, value in ipairs({owner, field, grant[2], grant[1], #grant - 3}) do
        ret[#ret + 1] = value
    end
    for i = 4, #grant do
        ret[#ret + 1] = grant[i]
    end
end

if uid ~= '' then
    local all = call('HGETALL', P .. 'g:' .. uid)
    ret[2] = #all / 2
    for i = 1, #all, 2 do
        add(uid, all[i], {cmsgpack.unpack(all[i + 1])})
    end
    return ret
end
ret[2] = call('ZCARD', P .. 'grants')
for _, member in ipairs(call('ZRANGEBYSCORE', P .. 'grants', '(' .. now, '+inf', 'LIMIT', 0, limit)) do
    local owner, field = grant_of_member(member)
    local value = call('HGET', P .. 'g:' .. owner, field)
    if value then
        add(owner, field, {cmsgpack.unpack(value)})
    end
end
return ret
