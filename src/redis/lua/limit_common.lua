-- SPDX-License-Identifier: BSD-2-Clause
-- What the algorithms of limit.lua share. Lua's numbers are doubles: every one here is whole and below 2^53. The clock is Redis's own.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- Returns a number as text in full: Lua by itself would write 1.8e+15.
local function int(n)
    return string.format('%.0f', n)
end

-- Returns a key's time to live for a state that ends in so many microseconds.
local function ms(us)
    return int(math.max(math.ceil(us / 1000), 1))
end

-- Reads a key for the first time. A key of another type is no quota of this algorithm (but another's, or a mistake), so it begins anew.
local function ask(key, command, ...)
    local said = redis.pcall(command, key, ...)
    if type(said) == 'table' and said.err then
        redis.call('UNLINK', key)
        said = redis.call(command, key, ...)
    end
    return said
end

-- Returns floor(a * b / c) and the remainder: seven bits of `a` at a time. a < 2^53; b, c < 2^45; b or c < 2^30.
local function mul_div(a, b, c)
    if a * b < 2 ^ 53 then
        return math.floor(a * b / c), a * b % c
    end
    local quotient, rest = 0, 0
    local place = 2 ^ 49
    while place >= 1 do
        local digit = math.floor(a / place)
        a = a - digit * place
        local x = rest * 128 + digit * b
        quotient = quotient * 128 + math.floor(x / c)
        rest = x % c
        place = place / 128
    end
    return quotient, rest
end
