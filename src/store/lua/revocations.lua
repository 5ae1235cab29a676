-- What was revoked since: ARGV: prefix, now, epoch and number known, how many at most. Answers 0, epoch, number now, 1 when it
-- begins anew; then name and number of each.
local meta = call('HMGET', P .. 'meta', 'epoch', 'revocations')
local epoch, number = meta[1] or '', tonumber(meta[2]) or 0
local known = tonumber(ARGV[4])
-- Another database, or one that a fail-over has set back.
local is_anew = epoch ~= ARGV[3] or number < known
local found = call('ZRANGEBYSCORE', P .. 'revoked', '(' .. (is_anew and 0 or ARGV[4]), '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[5])
return append({0, epoch, number, is_anew and 1 or 0}, found)
