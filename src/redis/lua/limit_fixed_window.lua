-- fixed_window: STRING "window:<its end in us>:<used>". The first request opens the window.
--@include limit_common.lua
expect('string')
local last, spent = string.match(redis.call('GET', key) or '', '^window:(%d+):(%d+)$')
last = number(last, 0)
local ends, used = math.min(last, now + window), number(spent, 0)
if now >= ends then
    ends, used = now + window, 0
end
local allowed = used + cost <= count
if allowed then
    used = used + cost
end
if allowed or ends ~= last then
    redis.call('SET', key, 'window:' .. int(ends) .. ':' .. int(used), 'PX', ms(ends - now))
end
return answer(allowed, math.max(count - used, 0), ends - now, allowed and 0 or ends - now)
