--@include generation_common.lua
-- Makes a stored response visible, all of it at once, whatever stood there before (of any type), unless its URL has been
-- purged since its fetch began.  KEYS: the response's hash, its URL's generation.  ARGV: milliseconds to live, key, meta, head,
-- body, when the fetch began on this clock or earlier, how long a URL's generation is kept (both microseconds), what
-- its URL's generation was before the fetch began; or a space and the name of the purge that was made for it; or ?.
-- Gives 0: purged meanwhile.
local began, known = tonumber(ARGV[6]), ARGV[8]
local text = redis.pcall('GET', KEYS[2])
if type(text) ~= 'string' then
    text = ''
end
local purged
if known == '?' or known:sub(1, 1) == ' ' then
    local instant = tonumber(text:match('^%d+'))
    purged = instant and instant + 10 > began and text:sub(-#known) ~= known -- an instant of ten microseconds
else
    purged = text ~= known
end
if purged or microseconds() - began >= tonumber(ARGV[7]) then
    return 0
end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'key', ARGV[2], 'meta', ARGV[3], 'head', ARGV[4], 'body', ARGV[5])
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
