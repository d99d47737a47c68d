-- SPDX-License-Identifier: BSD-2-Clause
-- Makes a response visible whose pieces are still to come. Does so only if nothing is stored, or just a response that another fetch
-- has left arriving.
-- KEYS: the response's hash, its fetch lock, the sums of its pieces.  ARGV: the lock's token, milliseconds to live, key, meta, head.
-- Returns 0: the lock belongs to another fetch by now, or a whole response is stored.
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then
    return 0
end
if redis.call('EXISTS', KEYS[1]) == 1 and type(redis.pcall('HGET', KEYS[1], 'arriving')) ~= 'string' then
    return 0
end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'key', ARGV[3], 'meta', ARGV[4], 'head', ARGV[5], 'body', '', 'arriving', ARGV[1])
redis.call('SET', KEYS[3], '', 'PX', ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
