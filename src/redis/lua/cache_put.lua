--@include generation_common.lua
-- Makes a stored response visible, all of it at once, whatever stood there before (of any type), unless its URL has been
-- purged since its fetch began.  KEYS: the response's hash, its URL's generation.  ARGV: milliseconds to live, key, meta, head,
-- body, when the fetch began on this clock or earlier, how long a URL's generation is kept (both microseconds), the name of the
-- purge that was made for it or ''.  Gives 0: purged meanwhile.
local began = tonumber(ARGV[6])
local purge, name = redis.pcall('GET', KEYS[2]), nil
if type(purge) == 'string' then
    purge, name = purge:match('^(%d+) ?(%x*)$')
    purge = tonumber(purge)
else
    purge = nil
end
local late = purge and purge + 10 > began and (ARGV[8] == '' or name ~= ARGV[8]) -- an instant of ten microseconds
if microseconds() - began >= tonumber(ARGV[7]) or late then
    return 0
end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'key', ARGV[2], 'meta', ARGV[3], 'head', ARGV[4], 'body', ARGV[5])
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
