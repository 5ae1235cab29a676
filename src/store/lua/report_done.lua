-- ARGV: prefix, now, id, when it was made, how long to keep the count
local removed = call('LREM', P .. 'reports', 1, ARGV[4] .. ':' .. ARGV[3])
call('DEL', P .. 'report:' .. ARGV[3])
if removed > 0 then
    call('HINCRBY', P .. 'traffic:totals', 'acknowledged', 1)
    keep(P .. 'traffic:totals', tonumber(ARGV[5]))
end
return {1}
