-- SPDX-License-Identifier: BSD-2-Clause
-- fixed_window: STRING "window:<its end in us>:<used>". The first request opens the window.
local function fixed_window(key, count, window, burst, cost)
    local last, spent = string.match(ask(key, 'GET') or '', '^window:(%d+):(%d+)$')
    last = tonumber(last) or 0
    local ends, used = math.min(last, now + window), tonumber(spent) or 0
    if now >= ends then
        ends, used = now + window, 0
    end
    local allowed = used + cost <= count
    return allowed, function(spend)
        if spend then
            used = used + cost
        elseif used == 0 then -- no window is open yet
            return count, 0, 0
        end
        if spend or ends ~= last then
            redis.call('SET', key, 'window:' .. int(ends) .. ':' .. int(used), 'PX', ms(ends - now))
        end
        return math.max(count - used, 0), ends - now, allowed and 0 or ends - now
    end
end
