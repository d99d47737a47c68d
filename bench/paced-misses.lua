-- SPDX-License-Identifier: BSD-2-Clause
-- wrk script: as paced.lua, and each URL is requested only once, so every request is a miss.
local run = os.time()
local count = 0

function request()
    count = count + 1
    return wrk.format("GET", wrk.path .. "-" .. run .. "-" .. count)
end

function delay()
    return math.random(1, 3)
end
