-- Is what stands below the prefix ours, and of this version?
local version = call('HGET', P .. 'meta', 'version')
if version and version ~= VERSION then
    return redis.error_reply('HLSGATE the data below this prefix are of version ' .. string.sub(version, 1, 20) ..
                             ', and this hlsgate knows version ' .. VERSION)
end
ensure_meta()
return {0, 1}
