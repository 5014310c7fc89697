-- The lease is taken, renewed and given up by whoever knows what stands there.
--
-- KEYS: lease
-- ARGV: "take", owner, new token, token seen, counter seen ("" and "" for an absent lease)
--       "renew" or "drop", token
-- Answers 1, or 0 when something else stands there.

local LEASE = KEYS[1]
local verb = ARGV[1]
local now = redis.call('HMGET', LEASE, 'token', 'counter')

if verb == 'take' then
    local _, owner, token, seen, counter = unpack(ARGV)
    if (now[1] or '') ~= seen or (now[2] or '') ~= counter then
        return '0'
    end
    redis.call('HSET', LEASE, 'owner', owner, 'token', token, 'counter', '1')
    return '1'
end
if now[1] ~= ARGV[2] then
    return '0'
end
if verb == 'renew' then
    redis.call('HINCRBY', LEASE, 'counter', 1)
else
    redis.call('DEL', LEASE)
end
return '1'
