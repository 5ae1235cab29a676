-- Who shares the store. ARGV: prefix, now, id, text, for how many seconds, how many are kept. Answers 0; then id and text of each
-- other one that lives.
--   instances          ID = until when, by the server's clock, and text
local id, text, ttl, max = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local UNTIL_LEN = 8
local instances = P .. 'instances'
local time = tonumber(call('TIME')[1])
local ret, lives = {0}, 0

local function is_over(value)
    return #value < UNTIL_LEN or struct.unpack('>d', value) <= time
end

local all = call('HGETALL', instances)
for i = 1, #all, 2 do
    if all[i] ~= id then
        if is_over(all[i + 1]) then
            call('HDEL', instances, all[i])
        elseif lives < max - 1 then
            append(ret, {all[i], string.sub(all[i + 1], UNTIL_LEN + 1)})
            lives = lives + 1
        end
    end
end
if call('HEXISTS', instances, id) == 1 or call('HLEN', instances) < max then
    call('HSET', instances, id, struct.pack('>d', time + ttl) .. text)
end
keep(instances, ttl)
return ret
