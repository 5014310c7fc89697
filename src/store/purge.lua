-- Removes tombstones which are past their time, the oldest first. Their index knows them all: the
-- commit which makes one notes it there.
--
-- KEYS: lease, the index (a sorted set: "<kind> <key>" by the time of deletion)
-- ARGV: lease token ("" where none is needed), deleted before (ms), how many at most
-- Answers "<how many were looked at> <how many went>", or "no-lease".

local LEASE, TOMBSTONES = unpack(KEYS)
local token, before, limit = unpack(ARGV)
local NEWLINE = 10 -- a tombstone ends with its field line, everything else with a body
local gone = 0

if token ~= '' and redis.call('HGET', LEASE, 'token') ~= token then
    return 'no-lease'
end
local due = redis.call('ZRANGEBYSCORE', TOMBSTONES, '-inf', '(' .. before, 'LIMIT', 0, limit)
for _, member in ipairs(due) do
    local kind, key = string.match(member, '^(%S+) (.*)$')
    local hash = '{blox}:' .. kind
    local value = redis.call('HGET', hash, key)
    if value and string.byte(value, -1) == NEWLINE then -- else it lives again
        gone = gone + redis.call('HDEL', hash, key)
    end
    redis.call('ZREM', TOMBSTONES, member)
end
return string.format('%.0f %.0f', #due, gone)
