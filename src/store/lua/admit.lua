-- Admission: the steps of store/store.h in their order, each only reading; what is to be written waits until all have passed, so
-- a refusal spends nothing.
--
-- ARGV: prefix, now, what admit() packs: now, flags, session_ttl, grain, session_max, sessions ahead (and, LIMITED, what
-- new_streams() unpacks); the key of the viewer's place, client (family, address, ua), session id, id for a new session; then for
-- each use limit its key, and mode, max, expires, retry, is_continuation, packed. Answers 1 if it wrote, else 0; the verdict; is
-- there a session, is it new, did a grant match; the count of the use, which one refused; the session's id, uid, start and end; the
-- grant's uid. LIMITED, then: were streams counted, how many others there are, how many of them were ended to make room, were those
-- its viewer's own; the names of those.
local GRANT, GRANT_IP, SESSION, USE = 1, 2, 4, 8
local TOKEN_EXPIRED, MAY_BEGIN, DRY, STRICT, LIMITED = 16, 32, 64, 128, 256
local FIRST_USE, USE_ARGS = 8, 2 -- in ARGV
local NONE, BIND = 0, 1
local LOOK_UP_MAX = 256
local USE_HEAD, USE_VIEWER, USE_MAX_VIEWERS = 12, VIEWER_LEN + 8, 32
local USE_TTL_MAX, COARSE_FROM = 1e9, 6 * 3600
-- enum admit_verdict
local ADMITTED, EXPIRED, NO_GRANT, GRANT_KEY, NO_SESSION, OTHER_VIEWER, USED_UP, TOO_FAST, TOO_MANY = 0, 1, 2, 3, 4, 5, 6, 7, 8

local _, flags, session_ttl, grain, session_max, ahead, limit_at = struct.unpack('>dI2dddI4', ARGV[3])
local place = ARGV[4]
local viewer = string.sub(place, #P + 3, #P + 2 + VIEWER_LEN)
local uid_end = #P + 3 + VIEWER_LEN + string.byte(place, #P + 3 + VIEWER_LEN)
local uid, stream_key = string.sub(place, #P + 4 + VIEWER_LEN, uid_end), string.sub(place, uid_end + 1)
local client = ARGV[5]
local family, address, ua = string.byte(client, 1), string.sub(client, 2, 17), string.sub(client, 18)

local function has(flag)
    return bit.band(flags, flag) ~= 0
end

-- ---- session ----

local session -- {uid, ends, last, started, id}

local function take_if_live(owner)
    local ends, last, started, id = session_at(owner == uid and place or place_key(viewer, owner, stream_key))
    if not ends or ends <= now or last + session_ttl <= now then
        return false
    end
    session = {uid = owner, ends = ends, last = last, started = started, id = id}
    return true
end

-- A session id is no credential: it says who is meant when the request does not, and counts for its own viewer and stream alone.
local function find_by_id()
    local name = ARGV[6] ~= '' and call('GET', P .. 'i:' .. ARGV[6])
    if not name or string.sub(name, 1, VIEWER_LEN) ~= viewer then
        return false
    end
    local ends, owner = string.match(string.sub(name, VIEWER_LEN + 1), '^(%d+):(.*)$')
    return take_if_live(owner) and session.ends == tonumber(ends)
end

local function find_session()
    if uid ~= '' then
        return take_if_live(uid)
    end
    if find_by_id() then
        return true
    end
    session = nil
    local owners = call('ZREVRANGE', P .. 'v:' .. viewer .. stream_key, 0, LOOK_UP_MAX - 1)
    for _, owner in ipairs(sort_uids(owners)) do
        if take_if_live(owner) then
            return true
        end
    end
end

-- It speaks for a token and a grant that have expired since, unless the rules are strict.
local function session_carries()
    return session and not has(STRICT)
end

-- ---- grant ----

local grant_uid
local networks

-- Each prefix length in use: a handful, one as a rule.
local function networks_of_client()
    if networks then
        return networks
    end
    networks = {}
    local used = call('HGETALL', P .. 'networks')
    local lengths = {}
    for i = 1, #used, 2 do
        local of, prefix = string.match(used[i], '^(%d+)/(%d+)$')
        if tonumber(of) == family and tonumber(used[i + 1]) > now then
            lengths[#lengths + 1] = tonumber(prefix)
        end
    end
    table.sort(lengths)
    for i, prefix in ipairs(lengths) do
        networks[i] = string.char(family, prefix) .. mask(address, prefix) .. ua
    end
    return networks
end

local function holds_key(grant)
    for i = 4, #grant do
        if grant[i] == stream_key then
            return true
        end
    end
    return false
end

local function anything()
    return true
end

-- Is there a live grant of `owner` in this place that `is_meant` accepts?
local function is_granted(owner, field, is_meant)
    local grant = grant_get(owner, field)
    return grant and grant[1] > now and is_meant(grant)
end

local function find_grant(owner, kind, is_meant)
    for _, network in ipairs(networks_of_client()) do
        local field = kind .. network
        if owner ~= '' then
            if is_granted(owner, field, is_meant) then
                return owner
            end
        else -- not more than grant_max_uids share it
            for _, one in ipairs(sort_uids(call('HKEYS', P .. 'n:' .. field))) do
                if is_granted(one, field, is_meant) then
                    return one
                end
            end
        end
    end
end

local function find_any_grant(owner)
    return find_grant(owner, 'k', anything) or find_grant(owner, 's', anything) or find_grant(owner, 'f', holds_key)
end

-- ---- judging ----

local begins, renews = false, false

local function judge_session()
    if has(GRANT) or has(SESSION) or has(TOKEN_EXPIRED) then
        find_session()
    end
    return ADMITTED
end

local function judge_token()
    return has(TOKEN_EXPIRED) and not session_carries() and EXPIRED or ADMITTED
end

local function judge_grant()
    if not has(GRANT) or session_carries() then
        return ADMITTED
    end
    local owner = session and session.uid or uid -- a live session says whose it must be
    grant_uid = find_grant(owner, 'k', holds_key)
    if grant_uid then
        return ADMITTED
    end
    return find_any_grant(owner) and GRANT_KEY or NO_GRANT
end

local function judge_grant_ip()
    if not has(GRANT_IP) or grant_uid then
        return ADMITTED
    end
    grant_uid = find_any_grant(uid)
    return grant_uid and ADMITTED or NO_GRANT
end

local function is_taken(ends_key, ends)
    return call('ZSCORE', ends_key, viewer .. ends)
end

-- The seconds behind now are taken in a row, if at all: the end of the row is found by doubling and halving.
local function free_start(owner)
    local ends_key, ends = P .. 'u:' .. owner, now + session_max
    local taken, free = -1, 0
    while is_taken(ends_key, ends + free) do
        taken, free = free, free * 2 + 1
    end
    while free - taken > 1 do
        local middle = taken + math.floor((free - taken) / 2)
        if is_taken(ends_key, ends + middle) then
            taken = middle
        else
            free = middle
        end
    end
    return now + free
end

local function judge_session_life()
    if not has(SESSION) then
        return ADMITTED
    end
    if session then
        local idle = now - session.last
        renews = idle > 0 and idle >= grain
        return ADMITTED
    end
    if not has(MAY_BEGIN) then
        return NO_SESSION
    end
    local owner = uid ~= '' and uid or grant_uid or ''
    local started = free_start(owner)
    if started - now > ahead then
        return TOO_FAST
    end
    local ends = started + session_max
    session = {uid = owner, ends = ends, started = started, id = ARGV[7]}
    begins = true
    return ADMITTED
end

-- ---- streams ----

local streams, carry_out_streams -- what is planned, and what does it

local function judge_streams()
    if not has(SESSION) or not has(LIMITED) or session.uid == '' then
        return ADMITTED
    end
    local judge
    judge, carry_out_streams = new_streams(ARGV[3], limit_at)
    streams = judge(viewer, session.uid, stream_key, session.ends, now)
    return streams.is_refused and TOO_MANY or ADMITTED
end

-- ---- use limits: t:ID = expires, count, and who they were with the time of their last, in the order they came ----

local uses = {}
local use_count, refused_use = 0, 0

local function use_load(u)
    local record = call('GET', u.key)
    if record then
        u.expires, u.count = struct.unpack('>dI4', record)
        u.viewers = string.sub(record, USE_HEAD + 1)
    end
    if not record or u.expires <= now then
        u.expires, u.count, u.viewers, u.is_new = u.until_time, 0, '', true
    end
end

local function use_place_of(u)
    for at = 1, #u.viewers, USE_VIEWER do
        if string.sub(u.viewers, at, at + VIEWER_LEN - 1) == viewer then
            return at
        end
    end
end

local function use_plan(u, at)
    local mine = viewer .. struct.pack('>d', now)
    if at then
        u.viewers = string.sub(u.viewers, 1, at - 1) .. mine .. string.sub(u.viewers, at + USE_VIEWER)
    else
        if #u.viewers >= USE_MAX_VIEWERS * USE_VIEWER then -- a shared URL must not grow it without end
            u.viewers = string.sub(u.viewers, USE_VIEWER + 1)
        end
        u.viewers = u.viewers .. mine
    end
    u.count = u.count + 1
    u.takes = u.expires > now -- what is over already need not be remembered
    return ADMITTED
end

local function judge_bind(u)
    if u.viewers == '' then
        return use_plan(u)
    end
    return string.sub(u.viewers, 1, VIEWER_LEN) == viewer and ADMITTED or OTHER_VIEWER
end

local function is_same_use(u, at)
    if u.is_continuation then
        return true
    end
    local last = struct.unpack('>d', u.viewers, at + VIEWER_LEN)
    return u.retry > 0 and now - last < u.retry
end

local function judge_count(u)
    local at = use_place_of(u)
    if at and is_same_use(u, at) then
        return ADMITTED
    end
    if u.count >= u.max then
        return USED_UP
    end
    return use_plan(u, at)
end

local function judge_use(at)
    local mode, max, until_time, retry, is_continuation = struct.unpack('>BI4dI4B', ARGV[at + 1])
    if mode == NONE then
        return ADMITTED
    end
    local u = {key = ARGV[at], max = max, until_time = until_time, retry = retry, is_continuation = is_continuation == 1}
    use_load(u)
    local verdict = mode == BIND and judge_bind(u) or judge_count(u)
    use_count = u.count
    uses[#uses + 1] = u
    return verdict
end

local function judge_uses()
    local verdict = ADMITTED
    for at = FIRST_USE, has(USE) and #ARGV or 0, USE_ARGS do
        refused_use = (at - FIRST_USE) / USE_ARGS
        verdict = judge_use(at)
        if verdict ~= ADMITTED then
            break
        end
    end
    return verdict
end

-- ---- carrying out ----

local function begin_session()
    local s, life = session, session.ends - now
    local name = viewer .. s.ends .. ':' .. s.uid
    local at, of_viewer, of_uid = place_key(viewer, s.uid, stream_key), P .. 'v:' .. viewer .. stream_key, P .. 'u:' .. s.uid
    call('ZADD', P .. 'sessions', s.ends, name)
    keep(P .. 'sessions', life)
    call('ZREMRANGEBYSCORE', of_viewer, '-inf', now)
    call('ZADD', of_viewer, s.ends, s.uid)
    keep(of_viewer, life)
    call('ZREMRANGEBYSCORE', of_uid, '-inf', now - 1)
    call('ZADD', of_uid, s.ends, viewer .. s.ends)
    keep(of_uid, life + 1)
    call('HSET', P .. 's:' .. name, 'started', s.started, 'id', s.id, 'ip', string.sub(client, 1, 17), 'ua', ua, 'key', stream_key)
    call('EXPIRE', P .. 's:' .. name, life + 1) -- who revokes in the last second of its gate tokens must find it
    call('SET', P .. 'i:' .. s.id, name, 'EX', life + 1)
    call('SET', at, struct.pack('>ddd', s.ends, now, s.started) .. s.id, 'EX', life)
end

-- How many there are is counted by the minute in which they expire, by the hour when that is far away.
local function count_uses()
    for _, u in ipairs(uses) do
        if u.takes and u.is_new then
            local minutes = u.expires - now > COARSE_FROM and 60 or 1
            call('HINCRBY', P .. 'uses', math.ceil(u.expires / 60 / minutes) * minutes, 1)
            keep(P .. 'uses', math.min(u.expires - now, USE_TTL_MAX) + minutes * 60)
        end
    end
end

local function take_uses()
    local took = false
    for _, u in ipairs(uses) do
        if u.takes then
            call('SET', u.key, struct.pack('>dI4', u.expires, u.count) .. u.viewers, 'EX', math.min(u.expires - now, USE_TTL_MAX))
            took = true
        end
    end
    return took
end

-- What fails when a key is another program's comes first, what counts last.
local revoked = {}

local function carry_out()
    local enters = streams and streams.enters
    count_uses()
    if enters then
        carry_out_streams(streams, revoked)
        if #revoked > 0 then
            say_revoked()
        end
    end
    if begins then
        begin_session()
    elseif renews then
        call('SETRANGE', place_key(viewer, session.uid, stream_key), 8, struct.pack('>d', now))
    end
    return take_uses() or begins or renews or enters
end

local verdict = ADMITTED
for _, step in ipairs({judge_session, judge_token, judge_grant, judge_grant_ip, judge_session_life, judge_streams, judge_uses}) do
    verdict = step()
    if verdict ~= ADMITTED then
        break
    end
end
local wrote = verdict == ADMITTED and not has(DRY) and carry_out()
begins = begins and verdict == ADMITTED
local shown = (begins or session and session.last) and session or {id = '', uid = '', started = 0, ends = 0}
local id = begins and has(DRY) and '' or shown.id
local ret = {wrote and 1 or 0, verdict, shown == session and 1 or 0, begins and 1 or 0, grant_uid and 1 or 0, use_count, refused_use,
             id, shown.uid, shown.started, shown.ends, grant_uid or ''}
if has(LIMITED) then
    append(ret, {streams and 1 or 0, streams and #streams.others or 0, streams and verdict == ADMITTED and streams.ends or 0,
                 streams and streams.own > 0 and 1 or 0})
    append(ret, revoked)
end
return ret
