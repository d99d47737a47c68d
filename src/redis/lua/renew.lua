-- SPDX-License-Identifier: BSD-2-Clause
-- Extends a lock if the caller owns it.  KEYS: the lock.  ARGV: the owner's token, milliseconds.  Returns 1: extended, 0: lost.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
    return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
