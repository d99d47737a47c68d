-- gcra: STRING "due:<us>:<part>": the theoretical arrival time is us + part/count microseconds.
--@include limit_common.lua
expect('string')
local due, fraction = string.match(redis.call('GET', key) or '', '^due:(%d+):(%d+)$')
due, fraction = number(due, 0), math.min(number(fraction, 0), count - 1)

-- (us + part/count) - (us2 + part2/count)
local function minus(us, part, us2, part2)
    us, part = us - us2, part - part2
    if part < 0 then
        us, part = us - 1, part + count
    end
    return us, part
end

local whole_us, whole_part = mul_div(burst, window, count)
local ahead_us, ahead_part = due - now, fraction
if ahead_us < 0 then
    ahead_us, ahead_part = 0, 0
end
local room_us, room_part = minus(whole_us, whole_part, ahead_us, ahead_part)
local clamped = room_us < 0
if clamped then
    ahead_us, ahead_part = whole_us, whole_part
    room_us, room_part = 0, 0
end
local left_us, left_part = minus(room_us, room_part, mul_div(cost, window, count))
local allowed, retry_after = left_us >= 0, 0
if allowed then
    room_us, room_part = left_us, left_part
    ahead_us, ahead_part = minus(whole_us, whole_part, room_us, room_part)
else
    retry_after = -left_us
end
local reset = ahead_us + (ahead_part > 0 and 1 or 0)
if allowed or clamped then
    redis.call('SET', key, 'due:' .. int(now + ahead_us) .. ':' .. int(ahead_part), 'PX', ms(reset))
end
local remaining, rest = mul_div(room_us, count, window)
return answer(allowed, remaining + math.floor((rest + room_part) / window), reset, retry_after)
