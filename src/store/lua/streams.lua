-- Streams at a time (store/store.h says the rules), for admit.lua and touch.lua.
--   w:UID              VIEWER KEY by the end of the session that counts there
-- It names sessions and says nothing of their activity: that stands in their places, once. So one that lapsed, ended or made room
-- for a newer one counts for nothing, and is removed when the next stream of its uid is entered. By this no uid has more of them than
-- max_streams ever was.
--
-- All of it is made ready only where there is a limit. `packed` at `at`: see redis_put_limit(). Returns what judges a session at a
-- time, giving a plan; what carries that out; and how many revocations there may be.
local function new_streams(packed, limit_at)
    local STREAMS_MAX = 64
    local max, idle, ends_oldest, most_revocations = struct.unpack('>I2dBI4', packed, limit_at)

    -- Byte by byte: Redis' `<` goes by the locale.
    local function bytes_before(a, b)
        for i = 1, math.min(#a, #b) do
            local x, y = string.byte(a, i), string.byte(b, i)
            if x ~= y then
                return x < y
            end
        end
        return #a < #b
    end

    -- Its viewer's own; idle for longest; then the oldest; then what is the same in every backend.
    local function before(a, b)
        if a.is_own ~= b.is_own then
            return a.is_own
        elseif a.last ~= b.last then
            return a.last < b.last
        elseif a.started ~= b.started then
            return a.started < b.started
        elseif a.ends ~= b.ends then
            return a.ends < b.ends
        end
        return bytes_before(a.viewer, b.viewer)
    end

    local function place_of(uid, member)
        return place_key(string.sub(member, 1, VIEWER_LEN), uid, string.sub(member, VIEWER_LEN + 1))
    end

    -- The session that an entry names, if it is one that counts.
    local function stream_of(member, entered, record, at)
        if not record then
            return nil
        end
        local ends, last, started, id_at = struct.unpack('>ddd', record)
        if ends ~= entered or ends <= at or last + idle <= at then
            return nil
        end
        return {member = member, viewer = string.sub(member, 1, VIEWER_LEN), key = string.sub(member, VIEWER_LEN + 1), ends = ends,
                last = last, started = started, id = string.sub(record, id_at)}
    end

    local function add_other(plan, s)
        s.is_own = s.viewer == plan.viewer
        plan.others[#plan.others + 1] = s
        plan.own = plan.own + (s.is_own and 1 or 0)
    end

    -- Who the others are, and what counts no longer. Is the session itself one that counts?
    local function look(plan, at)
        local entries = call('ZRANGE', P .. 'w:' .. plan.uid, 0, STREAMS_MAX - 1, 'WITHSCORES')
        local places, is_counted = {}, false
        for i = 1, #entries, 2 do
            places[#places + 1] = place_of(plan.uid, entries[i])
        end
        local records = #places > 0 and call('MGET', unpack(places)) or {}
        for i, record in ipairs(records) do
            local member = entries[i * 2 - 1]
            local s = stream_of(member, tonumber(entries[i * 2]), record, at)
            if member == plan.member then
                is_counted = s and s.ends == plan.session_ends
            elseif s then
                add_other(plan, s)
            else
                plan.gone[#plan.gone + 1] = member
            end
        end
        return is_counted
    end

    -- How many make way; 0: it is refused.
    local function making_way(plan, is_noted)
        local needed = #plan.others - max + 1
        if plan.own > 0 then
            return is_noted and 0 or math.min(plan.own, needed)
        end
        return ends_oldest == 1 and needed or 0
    end

    local function judge(viewer, uid, key, ends, at, is_noted)
        local plan = {uid = uid, viewer = viewer, member = viewer .. key, session_ends = ends, others = {}, own = 0, gone = {},
                      ends = 0}
        if look(plan, at) then
            return plan
        end
        plan.enters = true
        if #plan.others >= max then
            plan.ends = making_way(plan, is_noted)
            plan.enters = plan.ends > 0 and may_revoke(plan.ends, most_revocations)
            table.sort(plan.others, before)
        end
        plan.is_refused = not plan.enters
        return plan
    end

    local function carry_out(plan, revoked)
        local of_uid = P .. 'w:' .. plan.uid
        if not plan.enters then
            return
        end
        for i = 1, plan.ends do
            local s = plan.others[i]
            session_end(s.viewer .. s.ends .. ':' .. plan.uid, plan.uid, s.id, s.key, revoked)
            plan.gone[#plan.gone + 1] = s.member
        end
        if #plan.gone > 0 then
            call('ZREM', of_uid, unpack(plan.gone))
        end
        call('ZADD', of_uid, plan.session_ends, plan.member)
        keep(of_uid, plan.session_ends - now)
    end

    return judge, carry_out, most_revocations
end

