-- Who has most. ARGV: prefix, now, limit. Answers 0; how many uids there are, bytes and requests so far, reports that wait, and were
-- acknowledged; then uid and record of each.
local totals = call('HMGET', P .. 'traffic:totals', 'bytes', 'requests', 'acknowledged')
local ret = {0, call('ZCARD', P .. 'traffic:bytes'), totals[1] or 0, totals[2] or 0, call('LLEN', P .. 'reports'), totals[3] or 0}

local limit = tonumber(ARGV[3])
local most = limit > 0 and call('ZREVRANGE', P .. 'traffic:bytes', 0, limit - 1) or {}
for _, uid in ipairs(most) do
    local record = call('HGET', P .. 'traffic', uid)
    if record then
        append(ret, {uid, record})
    end
end
return ret
