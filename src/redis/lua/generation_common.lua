-- A generation's text: "H", or "H.S" after soft purges. H and S are instants on Redis's clock in microseconds whose last
-- digit tells a purge (1) from a beginning (0). Gives both as numbers (S is H where it is missing), or nil.
local function parse(text)
    if type(text) ~= 'string' then return nil end
    local hard, soft = text:match('^(%d+)%.(%d+)$')
    hard = tonumber(hard or text:match('^%d+$'))
    return hard, tonumber(soft) or hard
end
local function microseconds()
    local clock = redis.call('TIME')
    return clock[1] * 1000000 + clock[2]
end
-- A new instant with that last digit, later than all that went before.
local function stamp(digit, latest)
    local now = math.floor(microseconds() / 10) * 10 + digit
    if latest and latest >= now then
        now = math.floor(latest / 10) * 10 + 10 + digit
    end
    return now
end
-- The text after one more purge of what has `text` now.
local function purged(text, soft)
    local hard, latest = parse(text)
    local now = stamp(1, latest)
    if soft and hard then
        return string.format('%.0f.%.0f', hard, now)
    end
    return string.format('%.0f', now)
end
