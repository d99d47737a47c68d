-- Notes that a variant of a response has been stored. Gives the keys of those that are too many now, the oldest: they are for
-- the caller to drop, because they live in other slots.
-- KEYS: the list of the variants' keys, oldest first.  ARGV: the new one's key, how many may stay, milliseconds to live.
if redis.call('TYPE', KEYS[1]).ok ~= 'list' then
    redis.call('UNLINK', KEYS[1])
end
redis.call('LREM', KEYS[1], 1, ARGV[1])
local count = redis.call('RPUSH', KEYS[1], ARGV[1])
local gone = {}
while count > tonumber(ARGV[2]) do
    gone[#gone + 1] = redis.call('LPOP', KEYS[1])
    count = count - 1
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return gone
