-- ARGV: prefix, now, uid, field (kind, family, prefix, network, ua), stream key, grant_ttl, max keys, max pairs, max uids
local uid, field, stream_key = ARGV[3], ARGV[4], ARGV[5]
local ttl, max_keys, max_pairs, max_uids = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local of_uid, crowd_key = P .. 'g:' .. uid, P .. 'n:' .. field

-- Those it had but for the one posted, which becomes the newest. Returns them, and how many had to go.
local function merge_keys(old)
    local keys = {}
    for i = 4, old and #old or 0 do
        if old[i] ~= stream_key then
            keys[#keys + 1] = old[i]
        end
    end
    if stream_key ~= '' then
        keys[#keys + 1] = stream_key
    end
    local evicted = math.max(#keys - max_keys, 0)
    for _ = 1, evicted do
        table.remove(keys, 1)
    end
    return keys, evicted
end

-- What is of a wrong type shows when it is read: all is read before anything is written.
local length = string.byte(field, 2) .. '/' .. string.byte(field, 3)
local length_until = tonumber(call('HGET', P .. 'networks', length)) or 0
call('ZCARD', P .. 'grants')

local function write(created, keys)
    local expires, order = now + ttl, next_number('order')
    call('HSET', of_uid, field, cmsgpack.pack(expires, created, order, unpack(keys)))
    call('HSET', crowd_key, uid, string.format('%d %d', expires, order))
    call('ZADD', P .. 'grants', expires, grant_member(uid, field))
    if expires > length_until then
        call('HSET', P .. 'networks', length, string.format('%d', expires))
    end
    for _, key in ipairs({of_uid, crowd_key, P .. 'grants', P .. 'networks'}) do
        keep(key, ttl)
    end
end

-- `others`: {uid, field, expires, order}. Erases the expired, then the oldest, until there is room for one more. Returns how many
-- are left, and how many live ones had to go.
local function make_room(others, max)
    local live, evicted = {}, 0
    for _, g in ipairs(others) do
        if g[3] <= now then
            grant_erase(g[1], g[2])
        else
            live[#live + 1] = g
        end
    end
    table.sort(live, function(a, b) return a[4] < b[4] end)
    while #live >= max do
        grant_erase(live[1][1], live[1][2])
        table.remove(live, 1)
        evicted = evicted + 1
    end
    return #live, evicted
end

local function who_shares_the_network()
    local others, all = {}, call('HGETALL', crowd_key)
    for i = 1, #all, 2 do
        local expires, order = string.match(all[i + 1], '^(%d+) (%d+)$')
        if all[i] ~= uid then
            others[#others + 1] = {all[i], field, tonumber(expires), tonumber(order)}
        end
    end
    return others
end

local function pairs_of_uid()
    local others, all = {}, call('HGETALL', of_uid)
    for i = 1, #all, 2 do
        if all[i] ~= field and string.sub(all[i], 1, 1) == string.sub(field, 1, 1) then
            local expires, _, order = cmsgpack.unpack(all[i + 1])
            others[#others + 1] = {uid, all[i], expires, order}
        end
    end
    return others
end

local old = grant_get(uid, field)
if old and old[1] <= now then
    old = nil
end
local keys, keys_evicted = merge_keys(old)
local crowd, own = who_shares_the_network(), pairs_of_uid()
write(old and old[2] or now, keys)
make_room(crowd, max_uids)
local others, pairs_evicted = make_room(own, max_pairs)
return append({1, old and 0 or 1, keys_evicted, others + 1, pairs_evicted}, keys)
