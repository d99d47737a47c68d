--@include generation_common.lua
-- What is the generation?  KEYS: it.  ARGV: milliseconds for which it is needed; 0: don't make it if it isn't there.
-- Gives its text (or nil) and Redis's clock in microseconds. What is no generation is none.
local text = redis.pcall('GET', KEYS[1])
local need = tonumber(ARGV[1])
if not parse(text) then
    text = false
    if need > 0 then
        text = string.format('%.0f', stamp(0, nil))
        redis.call('UNLINK', KEYS[1])
        redis.call('SET', KEYS[1], text, 'PX', need * 2)
    end
elseif need > 0 and redis.call('PTTL', KEYS[1]) < need then
    redis.call('PEXPIRE', KEYS[1], need * 2)
end
return { text, string.format('%.0f', microseconds()) }
