-- SPDX-License-Identifier: BSD-2-Clause
-- Makes a stored response visible, all at once. Replaces any value of the key (of any type), unless that was fetched later.
-- KEYS: the response's hash.  ARGV: milliseconds to live, key, meta, head, body, when the fetch began on the journal's clock (16
-- hexadecimal digits).
-- Returns 0: the stored response is newer.

-- Later than the present, a second allowed for, is only what began before the clock was set back: then nobody knows which is newer.
local function has_been(began)
    local time = redis.call('TIME')
    return began < string.format('%011x00000', time[1] * 1000 + math.floor(time[2] / 1000) + 1000)
end

local began = redis.pcall('HGET', KEYS[1], 'began')
if type(began) == 'string' and #began == 16 and began > ARGV[6] and has_been(began) and
    type(redis.call('HGET', KEYS[1], 'arriving')) ~= 'string' then
    return 0
end
redis.call('UNLINK', KEYS[1])
redis.call('HSET', KEYS[1], 'key', ARGV[2], 'meta', ARGV[3], 'head', ARGV[4], 'body', ARGV[5], 'began', ARGV[6])
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
