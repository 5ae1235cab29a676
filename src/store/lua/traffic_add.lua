-- Counts of uids, added to what is there. A batch that was counted already counts no more.
-- ARGV: prefix, now, source, number, how long to keep; then the lines: uid and record of each, behind their lengths.
--   traffic           uid = record: NUMBERS doubles, then two sketches (base/sketch.h)
--   traffic:bytes     uid by bytes; traffic:since uid by its first second
--   traffic:totals    bytes, requests, acknowledged
--   traffic:source:S  number of its last batch
local NUMBERS, CLASSES = 27, 8
local FIRST, LAST, REQUESTS, BYTES = 1, 2, 3, 3
local EXACT, REGISTERS, ESTIMATE = 64, 1024, 65535
local FORMAT = '>' .. string.rep('d', NUMBERS)
local SOURCE_LIFE = 86400
local keep_seconds, lines = tonumber(ARGV[5]), ARGV[6]

-- ---- sketches: a list of hashes, or of registers ----

local function zeros_before(byte, bits)
    local n = 0
    for bit = bits - 1, 0, -1 do
        if byte >= 2 ^ bit then
            return n, true
        end
        n = n + 1
    end
    return n, false
end

-- The index is the first 10 bits; the rank how many of those behind it are zero before the first that is not, and 1.
local function raise(registers, hash)
    local first, second = string.byte(hash, 1, 2)
    local index = first * 4 + math.floor(second / 64) + 1
    local rank, is_found = zeros_before(second % 64, 6)
    for i = 3, 8 do
        if is_found then
            break
        end
        local n
        n, is_found = zeros_before(string.byte(hash, i), 8)
        rank = rank + n
    end
    registers[index] = math.max(registers[index], rank + 1)
end

local function become_estimate(sketch)
    local registers = {}
    for i = 1, REGISTERS do
        registers[i] = 0
    end
    for _, hash in ipairs(sketch) do
        raise(registers, hash)
    end
    registers.is_estimate = true
    return registers
end

local function unpack_sketch(record, at)
    local count
    count, at = struct.unpack('>I2', record, at)
    local sketch = {is_estimate = count == ESTIMATE}
    if sketch.is_estimate then
        for i = 1, REGISTERS do
            sketch[i] = string.byte(record, at + i - 1)
        end
        return sketch, at + REGISTERS
    end
    for i = 1, count do
        sketch[i] = string.sub(record, at, at + 7)
        at = at + 8
    end
    return sketch, at
end

local function pack_sketch(sketch)
    if not sketch.is_estimate then
        return struct.pack('>I2', #sketch) .. table.concat(sketch)
    end
    local bytes = {struct.pack('>I2', ESTIMATE)}
    for i = 1, REGISTERS do
        bytes[i + 1] = string.char(sketch[i])
    end
    return table.concat(bytes)
end

local function add_hash(sketch, hash)
    for _, known in ipairs(sketch) do
        if known == hash then
            return sketch
        end
    end
    if #sketch == EXACT then
        sketch = become_estimate(sketch)
        raise(sketch, hash)
    else
        sketch[#sketch + 1] = hash
    end
    return sketch
end

local function merge_sketch(sketch, more)
    if more.is_estimate and not sketch.is_estimate then
        sketch = become_estimate(sketch)
    end
    for i, value in ipairs(more) do
        if more.is_estimate then
            sketch[i] = math.max(sketch[i], value)
        elseif sketch.is_estimate then
            raise(sketch, value)
        else
            sketch = add_hash(sketch, value)
        end
    end
    return sketch
end

-- ---- records ----

local function unpack_record(record)
    local r = {struct.unpack(FORMAT, record)}
    local at = table.remove(r)
    r.ips, at = unpack_sketch(record, at)
    r.sessions = unpack_sketch(record, at)
    return r
end

local function merge(r, more)
    r[FIRST] = math.min(r[FIRST], more[FIRST])
    r[LAST] = math.max(r[LAST], more[LAST])
    for i = REQUESTS, NUMBERS do
        r[i] = r[i] + more[i]
    end
    r.ips = merge_sketch(r.ips, more.ips)
    r.sessions = merge_sketch(r.sessions, more.sessions)
    return r
end

local function pack_record(r)
    return struct.pack(FORMAT, unpack(r, 1, NUMBERS)) .. pack_sketch(r.ips) .. pack_sketch(r.sessions)
end

local function total(r)
    local n = 0
    for i = BYTES + 1, BYTES + CLASSES do
        n = n + r[i]
    end
    return n
end

-- ---- adding ----

local bytes, requests = 0, 0

local function add(uid, record)
    local more = unpack_record(record)
    local r = more
    local known = call('HGET', P .. 'traffic', uid)
    bytes = bytes + total(more)
    requests = requests + more[REQUESTS]
    if known then
        r = merge(unpack_record(known), more)
        record = pack_record(r)
    end
    call('HSET', P .. 'traffic', uid, record)
    call('ZADD', P .. 'traffic:bytes', string.format('%.0f', total(r)), uid)
    call('ZADD', P .. 'traffic:since', r[FIRST], uid)
end

local source = P .. 'traffic:source:' .. ARGV[3]
if tonumber(ARGV[4]) <= (tonumber(call('GET', source)) or 0) then
    return {1}
end
call('SET', source, ARGV[4], 'EX', SOURCE_LIFE)
local at = 1
while at <= #lines do
    local n = string.byte(lines, at)
    local uid = string.sub(lines, at + 1, at + n)
    n, at = struct.unpack('>I2', lines, at + 1 + n)
    add(uid, string.sub(lines, at, at + n - 1))
    at = at + n
end
call('HINCRBY', P .. 'traffic:totals', 'bytes', string.format('%.0f', bytes))
call('HINCRBY', P .. 'traffic:totals', 'requests', string.format('%.0f', requests))
for _, key in ipairs({'traffic', 'traffic:bytes', 'traffic:since', 'traffic:totals'}) do
    keep(P .. key, keep_seconds)
end
return {1}
