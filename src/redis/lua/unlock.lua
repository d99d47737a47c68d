-- SPDX-License-Identifier: BSD-2-Clause
-- Releases a lock if the caller owns it, or if it has no time to live: weir makes no such lock.  KEYS: the lock.  ARGV: the owner's
-- token.  Returns 1: released, 0: not the owner.
if redis.pcall('GET', KEYS[1]) == ARGV[1] or redis.call('PTTL', KEYS[1]) == -1 then
    return redis.call('DEL', KEYS[1])
end
return 0
