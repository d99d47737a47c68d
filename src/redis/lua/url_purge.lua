--@include generation_common.lua
-- Purges one URL.  KEYS: its response's hash, its generation (which outlives every fetch that began before).  ARGV: when, in
-- microseconds of the wall clock, if softly, or 0; milliseconds for which the generation is kept; a space and a name by which
-- cache_put.lua knows what may still be put there, or ''.
if ARGV[1] == '0' then
    redis.call('UNLINK', KEYS[1])
elseif redis.call('TYPE', KEYS[1]).ok == 'hash' then
    redis.call('HSET', KEYS[1], 'soft', ARGV[1])
end
redis.call('SET', KEYS[2], string.format('%.0f', stamp(1, nil)) .. ARGV[3], 'PX', ARGV[2])
return 1
