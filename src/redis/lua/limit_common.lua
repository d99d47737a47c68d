-- What the four limit scripts share: each includes it first.
--
-- KEYS[1]: the client's quota. ARGV: count, window in microseconds, burst, cost, as limit/algorithm.h means
-- them, already brought within its maxima. Answers {allowed, remaining, reset_us, retry_after_us}, the same
-- numbers as limit/algorithm.c. Lua's numbers are doubles: every one here is whole and below 2^53. The clock
-- is Redis's own.
local key = KEYS[1]
local count, window, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local cost = math.min(math.max(tonumber(ARGV[4]), 1), burst)
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- As text in full: Lua by itself would write 1.8e+15.
local function int(n)
    return string.format('%.0f', n)
end

-- What a key says, unless it isn't digits (or isn't there).
local function number(text, otherwise)
    return tonumber(string.match(text or '', '^%d+$')) or otherwise
end

-- A key's time to live for something that ends in so many microseconds.
local function ms(us)
    return int(math.max(math.ceil(us / 1000), 1))
end

-- Whatever else stands at the key is no quota of ours (another algorithm's, or somebody's mistake): start
-- anew.
local function expect(kind)
    local found = redis.call('TYPE', key).ok
    if found ~= kind and found ~= 'none' then
        redis.call('DEL', key)
    end
end

-- A refusal writes nothing, so it is what must notice that the key lost its time to live.
local function answer(allowed, remaining, reset, retry_after)
    if not allowed and redis.call('PTTL', key) < 0 then
        redis.call('PEXPIRE', key, ms(reset))
    end
    return { allowed and 1 or 0, remaining, reset, retry_after }
end

-- floor(a * b / c) and the remainder, seven bits of `a` at a time. a < 2^53; b, c < 2^45; b or c < 2^30.
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
