-- SPDX-License-Identifier: BSD-2-Clause
-- Enters a node into the set of living nodes and returns all of them.  KEYS: the sorted set of nodes, scored by when each
-- reported last on Redis's clock.  ARGV: the node's name, milliseconds without a report after which a node is dropped; 0
-- removes this node.  Returns whether it was there before, and the names.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local patience = tonumber(ARGV[2])
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
    redis.call('UNLINK', KEYS[1])
end
local new = 0
if patience > 0 then
    new = redis.call('ZADD', KEYS[1], now, ARGV[1])
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - patience))
    -- A clock that was set back leaves scores in the future, which would never be swept.
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. (now + patience), '+inf')
    redis.call('PEXPIRE', KEYS[1], patience)
else
    redis.call('ZREM', KEYS[1], ARGV[1])
end
return { 1 - new, redis.call('ZRANGE', KEYS[1], 0, -1) }
