-- Who reports. ARGV: prefix, now, holder, for how many seconds (0: gives it back). Answers 1 (0: another does), 1 when it is the holder.
local holder, ttl = ARGV[3], tonumber(ARGV[4])
local lead = P .. 'traffic:lead'
local held_by = call('GET', lead)

if held_by and held_by ~= holder then
    return {0, 0}
end
if ttl == 0 then
    call('DEL', lead)
    return {1, 0}
end
call('SET', lead, holder, 'EX', ttl)
return {1, 1}
