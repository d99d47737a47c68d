-- SPDX-License-Identifier: BSD-2-Clause
-- Records that a variant of a response has been stored or, if its size isn't given, used. Returns the keys of the variants over the
-- limits: the caller drops them, because they lie in other slots.
-- KEYS: the variants' hash, "<when it was last used> <bytes>" by key.  ARGV: the key, its bytes or nothing, how many may stay, how many
-- bytes all together, milliseconds to live.
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
    redis.call('UNLINK', KEYS[1])
end
local unproven = 3600 -- seconds: what was stored once gives way before what was used within that time
local now = tonumber(redis.call('TIME')[1])
local known = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[2] == '' then
    if known then
        redis.call('HSET', KEYS[1], ARGV[1], now .. known:match(' .*'))
    end
    return {}
end
redis.call('HSET', KEYS[1], ARGV[1], (known and now or now - unproven) .. ' ' .. ARGV[2])
local all, bytes, order = redis.call('HGETALL', KEYS[1]), 0, {}
for i = 1, #all, 2 do
    local used, size = all[i + 1]:match('^(%d+) (%d+)$')
    bytes = bytes + tonumber(size or 0)
    if all[i] ~= ARGV[1] then
        order[#order + 1] = { all[i], tonumber(used or 0), tonumber(size or 0) }
    end
end
table.sort(order, function(a, b)
    return a[2] < b[2]
end)
local gone, count = {}, #order + 1
while #gone < #order and (count > tonumber(ARGV[3]) or bytes > tonumber(ARGV[4])) do
    local one = order[#gone + 1]
    gone[#gone + 1] = one[1]
    count, bytes = count - 1, bytes - one[3]
    redis.call('HDEL', KEYS[1], one[1])
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[5]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return gone
