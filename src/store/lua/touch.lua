-- Sessions live on: activity that gate tokens have shown. It revives nothing.
-- ARGV: prefix, now, session_ttl, grain, what new_streams() unpacks ('' = no limit); then for each: viewer, uid, stream key,
-- when. Answers 1 if it ended sessions (for that it is worth waiting for replicas), and their names.
local RECORD_MIN = 24
local session_ttl, grain = tonumber(ARGV[3]), tonumber(ARGV[4])
local judge_stream, carry_out_stream, most_revocations
if ARGV[5] ~= '' then
    judge_stream, carry_out_stream, most_revocations = new_streams(ARGV[5], 1)
end
local revoked = {}

-- May it go on? One that had lapsed, and whose uid has as many streams as it may have by now, ends: as long as its gate tokens are
-- good nobody asks. Nor does it end what its viewer changed to.
local function stays_a_stream(viewer, uid, key, at, ends, id)
    if not judge_stream or uid == '' then
        return true
    end
    local plan = judge_stream(viewer, uid, key, ends, at, true)
    if not plan.is_refused then
        carry_out_stream(plan, revoked)
        return true
    end
    if may_revoke(1, most_revocations) then
        session_end(viewer .. ends .. ':' .. uid, uid, id, key, revoked)
    end
    return false
end

local function touch(viewer, uid, key, at)
    local place = place_key(viewer, uid, key)
    local record = redis.pcall('GET', place)
    if type(record) ~= 'string' or #record < RECORD_MIN then -- another program's: that must not stop those behind it
        return
    end
    local ends, last, _, id_at = struct.unpack('>ddd', record)
    if ends > at and last + session_ttl > at and at > last and at - last >= grain then
        local went_well, stays = pcall(stays_a_stream, viewer, uid, key, at, ends, string.sub(record, id_at)) -- see above
        if went_well and stays then
            call('SETRANGE', place, 8, struct.pack('>d', at))
        end
    end
end

for i = 6, #ARGV, 4 do
    touch(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]))
end
if #revoked > 0 then
    say_revoked()
end
return append({#revoked > 0 and 1 or 0}, revoked)
