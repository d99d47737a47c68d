-- SPDX-License-Identifier: BSD-2-Clause
--@include journal_common.lua
-- Appends a purge.  KEYS: the stream.  ARGV: an instant that its id must not be before, most entries, milliseconds for which they
-- are kept, then fields and values.  Returns the id.
if not there() then
    create(later(clock(), ARGV[1]))
end
local from, now = since(), clock()
local oldest = parse(now) - tonumber(ARGV[3])
local gone = redis.call('XTRIM', stream, 'MAXLEN', '~', ARGV[2]) + redis.call('XTRIM', stream, 'MINID', '~', text(oldest, 0))
local id = later(later(now, ARGV[1]), after(last_id()))
if gone > 0 then
    local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    from = later(from, first and first[1] or id)
end
local fields = { 'since', from }
for i = 4, #ARGV do
    fields[#fields + 1] = ARGV[i]
end
redis.call('XADD', stream, id, unpack(fields))
redis.call('PEXPIRE', stream, ARGV[3])
return id
