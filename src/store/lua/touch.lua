-- Sessions live on: activity that gate tokens have shown. It revives nothing.
-- ARGV: prefix, now, session_ttl, grain; then for each: viewer, uid, stream key, when
local RECORD_MIN = 24
local session_ttl, grain = tonumber(ARGV[3]), tonumber(ARGV[4])

local function touch(viewer, uid, key, at)
    local place = place_key(viewer, uid, key)
    local record = redis.pcall('GET', place)
    if type(record) ~= 'string' or #record < RECORD_MIN then -- another program's: that must not stop those behind it
        return
    end
    local ends, last = struct.unpack('>dd', record)
    if ends > at and last + session_ttl > at and at > last and at - last >= grain then
        call('SETRANGE', place, 8, struct.pack('>d', at))
    end
end

for i = 5, #ARGV, 4 do
    touch(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]))
end
return {0}
