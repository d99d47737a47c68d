-- One more piece of a response that is arriving, and the sums of all that have come, while what names them is this fetch's own.
-- KEYS: the response's hash, the piece.  ARGV: the fetch's token, the piece's milliseconds to live, its octets, the sums.
-- Gives 0: purged, replaced or expired.
if redis.pcall('HGET', KEYS[1], 'arriving') ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
redis.call('HSET', KEYS[1], 'sums', ARGV[4])
return 1
