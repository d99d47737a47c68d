-- SPDX-License-Identifier: BSD-2-Clause
-- Releases a lock, by its owner only, or one that would never end: such a one is none of ours.  KEYS: the lock.  ARGV: the owner's
-- token.  Gives 1 released, 0 not the owner.
if redis.pcall('GET', KEYS[1]) == ARGV[1] or redis.call('PTTL', KEYS[1]) == -1 then
    return redis.call('DEL', KEYS[1])
end
return 0
