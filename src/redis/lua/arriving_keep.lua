-- Extends the life of what is arriving, or ends it, by the fetch whose own it is only.  KEYS: the response's hash.  ARGV: the fetch's
-- token, milliseconds, 0: ends it.
if redis.pcall('HGET', KEYS[1], 'arriving') ~= ARGV[1] then
    return 0
end
if ARGV[2] == '0' then
    return redis.call('UNLINK', KEYS[1])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
