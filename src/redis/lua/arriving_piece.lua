-- SPDX-License-Identifier: BSD-2-Clause
-- One more piece of a response that is arriving, and its sum after those of the pieces before it.
-- KEYS: the sums of the pieces, the piece, the response's hash.  ARGV: the fetch's token, the piece's milliseconds to live, its octets,
-- its sum.
-- Gives 0: the sums have expired or have been taken away; 2: only who reads it already finds it, the hash is not this fetch's any more.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
redis.call('APPEND', KEYS[1], ARGV[4])
return redis.pcall('HGET', KEYS[3], 'arriving') == ARGV[1] and 1 or 2
