-- SPDX-License-Identifier: BSD-2-Clause
-- Stores one more piece of an arriving response, and appends its sum to those of the pieces before it.
-- KEYS: the sums of the pieces, the piece, the response's hash.  ARGV: the fetch's token, the piece's milliseconds to live, its bytes,
-- its sum.
-- Returns 0: the sums have expired or been deleted; 2: the hash is another fetch's now, so only present readers find the piece.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
redis.call('APPEND', KEYS[1], ARGV[4])
return redis.pcall('HGET', KEYS[3], 'arriving') == ARGV[1] and 1 or 2
