-- SPDX-License-Identifier: BSD-2-Clause
-- Cache-aside and a token bucket in Redis for nginx's Lua module, with pooled connections and scripts called by their hash.
local redis = require("nginx.redis")

local shared = {}
local address

local bucket = [[
local now = redis.call('TIME')
local time = now[1] + now[2] / 1000000
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local state = redis.call('HMGET', KEYS[1], 'tokens', 'time')
local tokens = tonumber(state[1]) or burst
tokens = math.min(burst, tokens + (time - (tonumber(state[2]) or time)) * rate)
local admitted = 0
if tokens >= 1 then
    tokens, admitted = tokens - 1, 1
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'time', time)
redis.call('EXPIRE', KEYS[1], math.ceil(burst / rate) + 1)
return {admitted, math.floor(tokens)}
]]
local bucket_sha

function shared.configure(where)
    address = where
end

local function connect()
    local link = redis:new()
    link:set_timeout(1000)
    local ok, err = link:connect(address)
    if not ok then
        ngx.log(ngx.ERR, "redis: ", err)
        return ngx.exit(502)
    end
    return link
end

local function release(link)
    link:set_keepalive(60000, 128)
end

-- Answers from Redis; a miss is fetched and stored for an hour.
function shared.serve()
    local link = connect()
    local key = "page:" .. ngx.var.uri
    local body = link:get(key)
    if body == ngx.null then
        local answer = ngx.location.capture("/origin" .. ngx.var.uri:sub(#"/redis" + 1))
        body = answer.body
        if answer.status == 200 then
            link:setex(key, 3600, body)
        end
    end
    release(link)
    ngx.header["Content-Type"] = "text/plain"
    ngx.header["Content-Length"] = #body
    ngx.print(body)
end

-- Refuses with 429 what goes beyond the rate (per second) of the client's address.
function shared.limit(rate, burst)
    local link = connect()
    local key = "limit:" .. ngx.var.remote_addr
    local result, err
    if bucket_sha then
        result, err = link:evalsha(bucket_sha, 1, key, rate, burst)
    end
    if not result then
        bucket_sha = link:script("load", bucket)
        result, err = link:evalsha(bucket_sha, 1, key, rate, burst)
    end
    release(link)
    if not result then
        ngx.log(ngx.ERR, "redis: ", err)
        return ngx.exit(502)
    end
    ngx.header["RateLimit"] = '"per-client";r=' .. result[2]
    if result[1] == 0 then
        return ngx.exit(429)
    end
end

return shared
