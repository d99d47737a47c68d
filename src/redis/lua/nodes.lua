-- SPDX-License-Identifier: BSD-2-Clause
-- A node says that it lives, and learns which other nodes have said so.  KEYS: a sorted set of nodes, scored by when each
-- spoke last (milliseconds on Redis's clock).  ARGV: the node's name; for how many milliseconds a node stays in the set
-- without a word, 0: this node leaves at once; then names and scores of nodes that were in the set before Redis lost it.
-- Returns whether the node was there before, and the names, each with its score.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local patience = tonumber(ARGV[2])
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
    redis.call('UNLINK', KEYS[1])
end
local new = 0
if patience > 0 then
    new = redis.call('ZADD', KEYS[1], now, ARGV[1])
    for i = 3, #ARGV, 2 do
        redis.call('ZADD', KEYS[1], 'NX', ARGV[i + 1], ARGV[i])
    end
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - patience))
    -- A clock that was set back leaves scores in the future, which would never be swept.
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. (now + patience), '+inf')
    redis.call('PEXPIRE', KEYS[1], patience)
else
    redis.call('ZREM', KEYS[1], ARGV[1])
end
return { 1 - new, redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES') }
