-- SPDX-License-Identifier: BSD-2-Clause
-- sliding_window: ZSET of the admitted requests in (now - window, now], score: when in us; at most `count`
-- of them, and some that have left the window lately. No call removes or moves more than MOST entries: a long window that ends at
-- once would delay all other clients of Redis.
local MOST = 256

local function sliding_window(key, count, window, burst, cost)
    local past = ask(key, 'ZCOUNT', '-inf', int(now - window))
    local len = redis.call('ZCARD', key) - past
    if past > 0 and len == 0 then
        redis.call('UNLINK', key) -- freed in the background
        past = 0
    elseif past > 0 then
        local gone = math.min(past, MOST)
        redis.call('ZREMRANGEBYRANK', key, 0, gone - 1)
        past = past - gone
    end

    -- When the one of that rank was admitted; what lies ahead of the clock, which went back, counts as present.
    local function score(rank)
        return math.min(tonumber(redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')[2]), now)
    end

    if len > 0 and tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]) > now then
        for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. int(now), '+inf', 'LIMIT', 0, MOST)) do
            redis.call('ZADD', key, int(now), member)
        end
        redis.call('PEXPIRE', key, ms(window))
    end

    local allowed = len + cost <= count
    return allowed, function(spend)
        local retry_after = allowed and 0 or score(past + len + cost - count - 1) + window - now
        if spend then
            -- Members are <when>-<n>: n goes on from what this microsecond has seen, wherever the clock has been.
            local n = len
            for _ = 1, cost do
                while redis.call('ZADD', key, 'NX', int(now), int(now) .. '-' .. int(n)) == 0 do
                    n = n + 1
                end
                n = n + 1
            end
            len = len + cost
            redis.call('PEXPIRE', key, ms(window))
        end
        return math.max(count - len, 0), len > 0 and score(-1) + window - now or 0, retry_after
    end
end
