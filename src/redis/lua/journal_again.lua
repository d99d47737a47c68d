-- SPDX-License-Identifier: BSD-2-Clause
--@include journal_common.lua
-- Begins the journal if it is missing, and adds the purges that a node knows and the journal may have lost. Adds none twice.
-- KEYS: the stream.  ARGV: an instant that no id to come may be before, milliseconds for which entries are kept, since when the node
-- knows all ('' if it knows nothing), 1 if it has nothing more to say, 1 if the journal was missing when it began to say; then for each
-- purge, the older first: its id, how many fields and values follow, these: what, name and soft first.
-- Returns since when the journal is complete, its last id, Redis's clock in microseconds, 1 if it was missing.
local found = there()
local known, done, rewriting = ARGV[3], ARGV[4] == '1', ARGV[5] == '1' or not found
local from = found and since() or nil
local last = found and last_id() or '0-0'
local n = 6

-- Is this purge there, or a later one of the same name?
local function said(id, fields)
    if #redis.call('XRANGE', stream, id, id) == 1 then
        return true
    end
    for _, entry in ipairs(redis.call('XRANGE', stream, id, '+', 'COUNT', 1000)) do
        local same = field(entry, 'what') == fields[2] and field(entry, 'name') == fields[4]
        if same and (field(entry, 'soft') ~= '1' or fields[6] == '1') then
            return true
        end
    end
    return false
end

while n < #ARGV do
    local id, count = ARGV[n], tonumber(ARGV[n + 1])
    local fields = { unpack(ARGV, n + 2, n + 1 + count) }
    n = n + 2 + count
    local at
    if before(last, id) then
        at = id
    elseif (rewriting or before(from, id)) and not said(id, fields) then
        at = later(clock(), after(last))
    end
    if at then
        local complete = from or at
        if rewriting and done and n > #ARGV and before(known, complete) then
            complete = known
        end
        redis.call('XADD', stream, at, 'since', complete, unpack(fields))
        last = at
    end
end
if rewriting and done and known ~= '' and last ~= '0-0' and before(known, since()) then
    -- Another node has said the last of it meanwhile, and doesn't claim that this is all. An entry that purges nothing says so.
    last = after(last)
    redis.call('XADD', stream, last, 'since', known)
end
if last == '0-0' then
    create(known ~= '' and known or later(clock(), ARGV[1]))
    last = last_id()
end
if before(text(parse(clock()) + 1000, 0), ARGV[1]) and before(last, ARGV[1]) then
    -- The clock has gone back: another server's, or it was set. A fetch of before must not look later than a purge of now.
    if redis.call('XLEN', stream) == 0 then
        create(ARGV[1])
    else
        redis.call('XSETID', stream, ARGV[1])
    end
end
redis.call('PEXPIRE', stream, ARGV[2])
return { since(), last_id(), microseconds(), found and 0 or 1 }
