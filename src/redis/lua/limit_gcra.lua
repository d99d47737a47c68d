-- SPDX-License-Identifier: BSD-2-Clause
-- gcra: STRING "due:<us>:<part>": the theoretical arrival time is us + part/count microseconds.
local function gcra(key, count, window, burst, cost)
    local due, fraction = string.match(ask(key, 'GET') or '', '^due:(%d+):(%d+)$')
    due, fraction = tonumber(due) or 0, math.min(tonumber(fraction) or 0, count - 1)

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
    local allowed = left_us >= 0
    return allowed, function(spend)
        if spend then
            room_us, room_part = left_us, left_part
            ahead_us, ahead_part = minus(whole_us, whole_part, room_us, room_part)
        end
        local reset = ahead_us + (ahead_part > 0 and 1 or 0)
        if spend or clamped then
            redis.call('SET', key, 'due:' .. int(now + ahead_us) .. ':' .. int(ahead_part), 'PX', ms(reset))
        end
        local remaining, rest = mul_div(room_us, count, window)
        return remaining + math.floor((rest + room_part) / window), reset, allowed and 0 or -left_us
    end
end
