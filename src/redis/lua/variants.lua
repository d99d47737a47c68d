-- Notes that a variant of a response has been stored; the oldest give way when there are too many of them.
-- KEYS: the list of the variants' keys, oldest first.  ARGV: the new one's key, how many may stay, milliseconds to live.
redis.call('LREM', KEYS[1], 1, ARGV[1])
local count = redis.call('RPUSH', KEYS[1], ARGV[1])
while count > tonumber(ARGV[2]) do
    redis.call('UNLINK', redis.call('LPOP', KEYS[1]))
    count = count - 1
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return count
