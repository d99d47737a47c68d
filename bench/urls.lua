-- SPDX-License-Identifier: BSD-2-Clause
-- wrk script: 10,000 URLs below the path of the command line, in another order than that in which they were stored.
local count = 10000
local stride = 7919 -- coprime to count, so every URL is requested
local requests = {}
local at = 0

function init()
    local prefix = wrk.path:gsub("[^/]*$", "")
    for i = 1, count do
        requests[i] = wrk.format("GET", prefix .. (i - 1))
    end
end

function request()
    at = (at + stride) % count
    return requests[at + 1]
end
