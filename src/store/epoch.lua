-- The server is not the one that wrote last: writes may be lost. The revision jumps past everything
-- that can have been handed out, and one log entry says what was last before.
--
-- KEYS: revision, meta, log
-- ARGV: the identity seen in meta ("" for none), the server's, format, commit id, a page-token key,
-- "1" where the server is the same and only its identity is new: then nothing but that is written.
-- Answers 1, or 0 when somebody else was first, or the stored format when it is newer than ours.

local REVISION, META, LOG = unpack(KEYS)
local seen, identity, format, id, page_key, same = unpack(ARGV)

local function whole(n)
    return string.format('%.0f', n)
end

local meta = redis.call('HMGET', META, 'identity', 'format')
if (meta[1] or '') ~= seen then
    return '0'
end
if meta[2] and tonumber(meta[2]) > tonumber(format) then
    return 'format ' .. meta[2]
end
if same == '1' then
    redis.call('HSET', META, 'identity', identity)
    return '1'
end

local before, before_commit = 0, string.rep('0', 32)
local last = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)[1]
if last then
    before = tonumber(string.match(last[1], '^%d+'))
    for i = 1, #last[2], 2 do
        if last[2][i] == 'commit' then
            before_commit = last[2][i + 1]
        end
    end
end

local time = redis.call('TIME')
local at = whole(time[1] * 1000 + math.floor(time[2] / 1000))
local counter = tonumber(redis.call('GET', REVISION) or '0')
-- Commits take fewer than a million numbers a second, so the time in microseconds is past all that
-- were handed out since the last epoch, also those that are lost. (Seconds x 10^6 would repeat some
-- when the server restarts within the second in which the last epoch began.)
local revision = whole(math.max(counter + 1, before + 1, time[1] * 1000000 + time[2]))

redis.call('XADD', LOG, revision .. '-0', 'at', at, 'commit', id, 'kind', 'epoch', 'key', '',
    'value', whole(before) .. ' ' .. before_commit, 'old', '', 'deleted', '0', 'cause', 'epoch',
    'actor', '', 'following', '0')
redis.call('SET', REVISION, revision)
redis.call('HSET', META, 'identity', identity, 'epoch', revision)
redis.call('HSETNX', META, 'format', format)
redis.call('HSETNX', META, 'page_key', page_key)
redis.call('HSETNX', META, 'created', at)
return '1'
