-- SPDX-License-Identifier: BSD-2-Clause
-- Decides all limits of one request together: all of them count the request, or, if one refuses it, none.
--
-- KEYS: the clients' quotas.  ARGV: cost, then for each key: algorithm, 1 if it only observes or 0, count, window in microseconds, burst,
-- as limit/algorithm.h defines them, already within its maxima.  Returns for each key: allowed, remaining, reset_us,
-- retry_after_us, the same numbers as limit/algorithm.c.
--
-- An algorithm's function returns whether it allows the request, and a function that counts on demand and returns the three numbers.
--@include limit_common.lua
--@each policy/algorithms.def --@include limit_%.lua
local algorithms = {
--@each policy/algorithms.def % = %,
}
local allowed, finish, refused, answers = { 0 }, { 0 }, false, { 0, 0, 0, 0 } -- with room for one limit, as most often there is
for i = 1, #KEYS do
    local a = i * 5 - 3
    local burst = tonumber(ARGV[a + 4])
    local cost = math.min(math.max(tonumber(ARGV[1]), 1), burst)
    allowed[i], finish[i] = algorithms[ARGV[a]](KEYS[i], tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]), burst, cost)
    refused = refused or not (allowed[i] or ARGV[a + 1] == '1')
end
for i = 1, #KEYS do
    local n, reset = i * 4, nil
    answers[n - 3] = allowed[i] and 1 or 0
    answers[n - 2], reset, answers[n] = finish[i](allowed[i] and not refused)
    answers[n - 1] = reset
    -- A refusal writes nothing, so it must check that the key still has its time to live.
    if not allowed[i] and redis.call('PTTL', KEYS[i]) < 0 then
        redis.call('PEXPIRE', KEYS[i], ms(reset))
    end
end
return answers
