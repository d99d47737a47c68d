-- SPDX-License-Identifier: BSD-2-Clause
--@include journal_common.lua
-- Reads what has been purged after an instant.  KEYS: the stream.  ARGV: the last id that the node has read, most entries.
-- Returns since when the journal is complete, 1 if that id is still there (or nothing ever came before it) or 0, Redis's clock in
-- microseconds, the entries. Nil: there is no journal.
if not there() then
    return false
end
local from = since()
local has = from == ARGV[1] or #redis.call('XRANGE', stream, ARGV[1], ARGV[1]) == 1
return { from, has and 1 or 0, microseconds(), redis.call('XRANGE', stream, after(ARGV[1]), '+', 'COUNT', ARGV[2]) }
