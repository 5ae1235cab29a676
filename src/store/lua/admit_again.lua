-- What most admissions are: a viewer whose session lives, who uses again what is bound to it, and nothing is due to be written.
-- It stands before all the rest because whatever a script makes ready it makes ready each time: here nothing is. The caller says
-- by AGAIN that the request could be such a one. Anything else falls through and is decided by admit.lua from the beginning.
--
-- ARGV: as admit.lua. Answers the count of the use (4 bytes) and the record of the session.
do
    local now, flags, session_ttl, grain = struct.unpack('>dI2dd', ARGV[3])
    if flags >= 512 then
        local use_key = ARGV[8]
        local found = redis.call('MGET', ARGV[4], use_key or ARGV[4])
        local session, use = found[1], found[2]
        if session then
            local ends, last = struct.unpack('>dd', session)
            local idle = now - last
            if ends > now and idle < session_ttl and (idle <= 0 or idle < grain) then
                if not use_key then
                    return '\0\0\0\0' .. session
                elseif use and struct.unpack('>d', use) > now and string.sub(use, 13, 34) == string.sub(ARGV[4], #ARGV[1] + 3, #ARGV[1] + 24) then
                    return string.sub(use, 9, 12) .. session
                end
            end
        end
    end
end

