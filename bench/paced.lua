-- SPDX-License-Identifier: BSD-2-Clause
-- wrk script: each connection pauses for one to three milliseconds before each request. So the server is far from its limit, and the
-- time of one request is measured, not the number of requests that wait before it.
function delay()
    return math.random(1, 3)
end
