-- sliding_window: ZSET of the admitted requests in (now - window, now], score: when in us; at most `count`
-- members.
--@include limit_common.lua
expect('zset')
redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now - window))
local len = redis.call('ZCARD', key)

local function score(rank)
    return tonumber(redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')[2])
end

-- The clock went back: what lies ahead of it is drawn to the present.
if len > 0 and score(-1) > now then
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(' .. int(now), '+inf')) do
        redis.call('ZADD', key, int(now), member)
    end
    redis.call('PEXPIRE', key, ms(window))
end

local allowed, retry_after = len + cost <= count, 0
if allowed then
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
else
    retry_after = score(len + cost - count - 1) + window - now
end
return answer(allowed, math.max(count - len, 0), score(-1) + window - now, retry_after)
