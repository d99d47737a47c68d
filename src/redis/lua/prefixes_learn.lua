--@include generation_common.lua
-- Which prefixes have been purged?  KEYS: the hash of them, a generation by prefix; the empty prefix holds when it began: what
-- is older counts as purged.  ARGV: milliseconds for which it is needed.  Gives Redis's clock, then all of it.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' or not parse(redis.call('HGET', KEYS[1], '')) then
    redis.call('UNLINK', KEYS[1])
    redis.call('HSET', KEYS[1], '', string.format('%.0f', stamp(0, nil)))
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[1] * 2)
end
local all = redis.call('HGETALL', KEYS[1])
table.insert(all, 1, string.format('%.0f', microseconds()))
return all
