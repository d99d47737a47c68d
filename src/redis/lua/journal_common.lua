-- SPDX-License-Identifier: BSD-2-Clause
-- The journal of purges: a stream whose ids are instants of Redis's clock, milliseconds and 1024 times the microseconds within them.
-- They never go back, even if the clock does. Of each entry the field `since` says from when on the journal is complete; while there is
-- no entry, the last id does.
local stream = KEYS[1]
local MOST = 1048575 -- the greatest number within a millisecond

local function parse(id)
    local ms, number = string.match(id or '', '^(%d+)%-(%d+)$')
    return tonumber(ms) or 0, tonumber(number) or 0
end
local function before(a, b)
    local a_ms, a_number = parse(a)
    local b_ms, b_number = parse(b)
    return a_ms < b_ms or (a_ms == b_ms and a_number < b_number)
end
local function later(a, b)
    return before(a, b) and b or a
end
local function text(ms, number)
    return string.format('%.0f-%.0f', ms, number)
end
local function after(id)
    local ms, number = parse(id)
    if number >= MOST then
        return text(ms + 1, 0)
    end
    return text(ms, number + 1)
end
local function clock()
    local time = redis.call('TIME')
    return text(time[1] * 1000 + math.floor(time[2] / 1000), time[2] % 1000 * 1024)
end
local function microseconds()
    local time = redis.call('TIME')
    return string.format('%.0f', time[1] * 1000000 + time[2])
end
local function field(entry, name)
    for i = 1, entry and #entry[2] or 0, 2 do
        if entry[2][i] == name then
            return entry[2][i + 1]
        end
    end
end
-- A key of another type is no journal.
local function there()
    local kind = redis.call('TYPE', stream).ok
    if kind ~= 'stream' and kind ~= 'none' then
        redis.call('UNLINK', stream)
    end
    return kind == 'stream'
end
local function last_id()
    local info = redis.call('XINFO', 'STREAM', stream)
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then
            return info[i + 1]
        end
    end
end
-- The journal must be there.
local function since()
    local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    return newest and (field(newest, 'since') or newest[1]) or last_id()
end
-- Makes an empty journal that is complete since `id`.
local function create(id)
    redis.call('XADD', stream, id, 'since', id)
    redis.call('XDEL', stream, id)
end
