-- SPDX-License-Identifier: BSD-2-Clause
-- wrk script: each connection pauses for one to three milliseconds before it asks, so that the server is far from its limit and
-- what is measured is how long one request takes, not how many others stand before it.
function delay()
    return math.random(1, 3)
end
