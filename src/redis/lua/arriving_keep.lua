-- SPDX-License-Identifier: BSD-2-Clause
-- Extends or ends the time to live of an arriving response: of its HASH, if that is still this fetch's, and of the sums of its
-- pieces, which only this fetch uses. Without the sums the response can't be read.
-- KEYS: the hash, the sums.  ARGV: the fetch's token, milliseconds for the hash, for the sums (0: delete it; -1: leave it as it is).
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
