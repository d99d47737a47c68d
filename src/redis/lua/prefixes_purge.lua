--@include generation_common.lua
-- Purges a prefix.  KEYS: as in prefixes_learn.lua.  ARGV: the prefix, 1 soft or 0, milliseconds for which it is kept, how many
-- prefixes are remembered apart: over that the one purged longest ago becomes the beginning.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' or not parse(redis.call('HGET', KEYS[1], '')) then
    redis.call('UNLINK', KEYS[1])
    redis.call('HSET', KEYS[1], '', string.format('%.0f', stamp(0, nil)))
end
local all = redis.call('HGETALL', KEYS[1])
local latest, oldest, oldest_prefix = 0, nil, nil
for i = 1, #all, 2 do
    local _, at = parse(all[i + 1])
    if at then
        latest = math.max(latest, at)
        if all[i] ~= '' and (not oldest or at < oldest) then
            oldest, oldest_prefix = at, all[i]
        end
    end
end
local text = redis.call('HGET', KEYS[1], ARGV[1])
local hard = parse(text)
local now = string.format('%.0f', stamp(1, latest))
if ARGV[2] == '1' then
    now = string.format('%.0f', hard or 0) .. '.' .. now
end
redis.call('HSET', KEYS[1], ARGV[1], now)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[4]) + 1 and oldest_prefix and oldest_prefix ~= ARGV[1] then
    redis.call('HSET', KEYS[1], '', string.format('%.0f', oldest))
    redis.call('HDEL', KEYS[1], oldest_prefix)
end
return now
