-- SPDX-License-Identifier: BSD-2-Clause
-- Extends the lives of what is arriving, or ends them: of the response's hash, if that is still of this fetch, and of the sums of its
-- pieces, which are nobody else's. Without the sums there is nothing to read.
-- KEYS: the hash, the sums.  ARGV: the fetch's token, milliseconds for the hash, for the sums; 0: ends it; -1: leaves it as it is.
local function keep(key, ms)
    if ms == '0' then
        redis.call('UNLINK', key)
    elseif ms ~= '-1' then
        redis.call('PEXPIRE', key, ms)
    end
end
local readable = redis.call('EXISTS', KEYS[2]) == 1
if redis.pcall('HGET', KEYS[1], 'arriving') == ARGV[1] then
    keep(KEYS[1], readable and ARGV[2] or '0')
end
keep(KEYS[2], ARGV[3])
return 1
