-- Counts become a report, or are forgotten. ARGV: prefix, now, id, least bytes, since when whatever the bytes, how many uids at most,
-- 1 when they are forgotten, most reports, how long to keep. Answers 1 (0: nothing was taken), how many uids, 1 when there may be more,
-- 1 when too many reports wait.
--   reports    made and id of each, the oldest first
--   report:ID  uid = record
local id, limit, discards = ARGV[3], tonumber(ARGV[6]), ARGV[7] == '1'
local report = P .. 'report:' .. id
local found, taken = {}, 0

local function look(key, from, to)
    append(found, call('ZRANGEBYSCORE', P .. key, from, to, 'LIMIT', 0, limit))
end

local function take(uid)
    local record = call('HGET', P .. 'traffic', uid)
    call('ZREM', P .. 'traffic:bytes', uid)
    call('ZREM', P .. 'traffic:since', uid)
    if not record then
        return
    end
    if not discards then
        call('HSET', report, uid, record)
    end
    call('HDEL', P .. 'traffic', uid)
    taken = taken + 1
end

if not discards and call('LLEN', P .. 'reports') >= tonumber(ARGV[8]) then
    return {0, 0, 0, 1}
end
look('traffic:bytes', ARGV[4], '+inf')
look('traffic:since', '-inf', ARGV[5])
for _, uid in ipairs(found) do
    if taken < limit then
        take(uid) -- who is in both lists has no record any more
    end
end
if taken > 0 and not discards then
    call('RPUSH', P .. 'reports', now .. ':' .. id)
    keep(P .. 'reports', tonumber(ARGV[9]))
    keep(report, tonumber(ARGV[9]))
end
return {taken > 0 and 1 or 0, taken, taken == limit and 1 or 0, 0}
