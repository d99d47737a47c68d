-- SPDX-License-Identifier: BSD-2-Clause
-- token_bucket: HASH at, used, part: used + part/window tokens were missing at `at`. A missing key is a full
-- bucket.
local function token_bucket(key, count, window, burst, cost)
    local state = ask(key, 'HMGET', 'at', 'used', 'part')
    -- Unless it isn't digits, or isn't there.
    local function number(text, otherwise)
        return tonumber(string.match(text or '', '^%d+$')) or otherwise
    end
    local at, used = number(state[1], now), number(state[2], 0)
    local part = math.min(number(state[3], 0), window - 1)

    -- How long so many tokens take to flow back, rounded up.
    local function flow_time(tokens, fraction)
        local whole, rest = mul_div(tokens, window, count)
        return whole + math.floor((rest + fraction + count - 1) / count)
    end

    if used >= burst then
        used, part = burst, 0
    end
    local passed = math.max(now - at, 0)
    if passed >= flow_time(used, part) then
        used, part = 0, 0
    else
        local back, rest = mul_div(passed, count, window)
        used, part = used - back, part - rest
        if part < 0 then
            used, part = used - 1, part + window
        end
    end
    local over = used + cost - burst
    local allowed = over < 0 or (over == 0 and part == 0)
    return allowed, function(spend)
        if spend then
            used = used + cost
        end
        local reset = flow_time(used, part)
        if spend or now < at then
            redis.call('HSET', key, 'at', int(now), 'used', int(used), 'part', int(part))
            redis.call('PEXPIRE', key, ms(reset))
        end
        return burst - used - (part > 0 and 1 or 0), reset, allowed and 0 or flow_time(over, part)
    end
end
