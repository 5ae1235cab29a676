-- The oldest report. ARGV: prefix, now. Answers 1 when something changed, how many wait; then, if there is one, when it was made, its
-- id, and uid and record of each of its lines. One whose lines have expired is none.
local changed = 0
local oldest = call('LINDEX', P .. 'reports', 0)

while oldest do
    local made, id = string.match(oldest, '^(%d+):(.*)$')
    local lines = id and call('HGETALL', P .. 'report:' .. id) or {}
    if #lines > 0 then
        return append({changed, call('LLEN', P .. 'reports'), made, id}, lines)
    end
    call('LPOP', P .. 'reports')
    changed = 1
    oldest = call('LINDEX', P .. 'reports', 0)
end
return {changed, 0}
