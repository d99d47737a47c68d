-- Makes a stored response visible, all of it at once, whatever stood there before (of any type), unless that has been fetched later.
-- KEYS: the response's hash.  ARGV: milliseconds to live, key, meta, head, body, when the fetch began on the journal's clock (16
-- hexadecimal digits).
-- Gives 0: what is there is newer.
local began = redis.pcall('HGET', KEYS[1], 'began')
if type(began) == 'string' and #began == 16 and began > ARGV[6] and
    type(redis.call('HGET', KEYS[1], 'arriving')) ~= 'string' then
    return 0
end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'key', ARGV[2], 'meta', ARGV[3], 'head', ARGV[4], 'body', ARGV[5], 'began', ARGV[6])
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
