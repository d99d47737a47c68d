--@include generation_common.lua
-- One purge of all that carries a generation.  KEYS: it.  ARGV: 1 soft or 0, milliseconds for which it is kept.
local text = redis.pcall('GET', KEYS[1])
local next = purged(text, ARGV[1] == '1')
redis.call('UNLINK', KEYS[1])
redis.call('SET', KEYS[1], next, 'PX', ARGV[2])
return next
