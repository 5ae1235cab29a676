-- ARGV: prefix, now, uid, network (family, prefix, bytes; '' = any), ua ('' = any), stream key ('' = whole grants), most revocations
local uid, network, ua, stream_key = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local of_uid = P .. 'g:' .. uid
local revoked = {}

-- Do they have an address in common? Who revokes one must not leave a wider grant that lets it in.
local function overlaps(a, b)
    local prefix = math.min(string.byte(a, 2), string.byte(b, 2))
    return string.byte(a, 1) == string.byte(b, 1) and mask(string.sub(a, 3), prefix) == mask(string.sub(b, 3), prefix)
end

local function contains(net, ip)
    local prefix = string.byte(net, 2)
    return string.byte(net, 1) == string.byte(ip, 1) and mask(string.sub(net, 3), prefix) == mask(string.sub(ip, 2), prefix)
end

local function sessions_where(net, agent)
    return function(session_ip, session_ua, session_key)
        return (net == '' or contains(net, session_ip)) and (agent == '' or session_ua == agent) and
               (stream_key == '' or session_key == stream_key)
    end
end

-- Without the stream key; a grant that had no other goes whole.
local function take_from(field, grant)
    local kept = {}
    for i = 4, #grant do
        if grant[i] ~= stream_key then
            kept[#kept + 1] = grant[i]
        end
    end
    if stream_key == '' or #kept == 0 then
        grant_erase(uid, field)
    else
        call('HSET', of_uid, field, cmsgpack.pack(grant[1], grant[2], grant[3], unpack(kept)))
    end
end

local function holds(grant)
    for i = 4, #grant do
        if grant[i] == stream_key then
            return true
        end
    end
    return stream_key == ''
end

local grants_removed, sessions_ended = 0, 0

local function revoke(field, grant)
    local net, agent = string.sub(field, 2, -5), string.sub(field, -4)
    if (network ~= '' and not overlaps(network, net)) or (ua ~= '' and ua ~= agent) or not holds(grant) then
        return
    end
    -- What it let in may lie outside of what was asked for. The grant goes after it: what fails half way can be done again.
    sessions_ended = sessions_ended + sessions_end(uid, sessions_where(net, agent), revoked)
    take_from(field, grant)
    grants_removed = grants_removed + (grant[1] > now and 1 or 0)
end

if not may_revoke(call('ZCARD', P .. 'u:' .. uid), tonumber(ARGV[7])) then
    return {0, -1}
end
local all = call('HGETALL', of_uid)
for i = 1, #all, 2 do
    revoke(all[i], {cmsgpack.unpack(all[i + 1])})
end
-- Let in by grants that have expired since.
sessions_ended = sessions_ended + sessions_end(uid, sessions_where(network, ua), revoked)
next_revocation() -- verdicts of a moment ago are no longer good
say_revoked()
return append({1, grants_removed, sessions_ended}, revoked)
