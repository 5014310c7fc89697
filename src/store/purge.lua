-- Removes tombstones which still stand at the revision the caller saw.
--
-- KEYS: lease, the hash of a kind
-- ARGV: lease token ("" where none is needed), then key and revision of each
-- Answers how many went, or "no-lease".

local LEASE, HASH = unpack(KEYS)
local gone = 0

if ARGV[1] ~= '' and redis.call('HGET', LEASE, 'token') ~= ARGV[1] then
    return 'no-lease'
end
for i = 2, #ARGV, 2 do
    local value = redis.call('HGET', HASH, ARGV[i])
    local _, last, revision = string.find(value or '', '^(%d+) %d+ %d+ %x+\n[^\n]*\n')
    if last == #(value or '') and revision == ARGV[i + 1] then
        gone = gone + redis.call('HDEL', HASH, ARGV[i])
    end
end
return string.format('%.0f', gone)
