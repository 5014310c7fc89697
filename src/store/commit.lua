-- One commit: entities, revision and log change together or not at all. Every condition is checked
-- before the first write, because Redis does not roll a script back.
--
-- KEYS: revision, meta, changed, log, lease, audit, result, tombstones. The hash of a kind is
-- "{blox}:<kind>".
-- ARGV: the commit, the audit entry, then nine values an operation; see commit.c.
-- Answers one line of words: outcome, revision, time in ms, then what belongs to the outcome.

local REVISION, META, CHANGED, LOG, LEASE, AUDIT, RESULT, TOMBSTONES = unpack(KEYS)
local identity, format, id, cause, actor, lease, acts, durable, log_max = unpack(ARGV, 1, 9)
local audit = {environment = ARGV[10], request = ARGV[11], api_request = ARGV[12], what = ARGV[13],
               before = ARGV[14], after = ARGV[15]}
local FIRST_OP, OP_VALUES = 16, 9
local NEWER, REFRESH, UNCHANGED, SAME_REVISION, ABSENT = 1, 2, 4, 8, 16 -- enum commit_condition
local RESULT_S = 600
local AUDIT_MAX = 100000

local function whole(n) -- Lua's own form of a large number has an exponent
    return string.format('%.0f', n)
end

local time = redis.call('TIME')
local at = whole(time[1] * 1000 + math.floor(time[2] / 1000))
local revision = tonumber(redis.call('GET', REVISION) or '0')

local function answer(outcome, words)
    local line = outcome .. ' ' .. whole(revision) .. ' ' .. at
    return words and line .. ' ' .. words or line
end

-- ---- the whole commit: repeated, on another server, without the lease, frozen? --------------------

if durable == '1' then
    local first = redis.call('GET', RESULT)
    if first then
        redis.call('EXPIRE', RESULT, RESULT_S) -- a write, which gives WAIT something to wait for
        return first
    end
end

local meta = redis.call('HMGET', META, 'identity', 'format', 'freeze')
if meta[1] ~= identity then
    return answer('identity')
end
if meta[2] ~= format then
    return answer('format', meta[2] or '0')
end
if lease ~= '' and redis.call('HGET', LEASE, 'token') ~= lease then
    return answer('no-lease')
end
if acts == '1' and meta[3] and meta[3] ~= '' and meta[3] ~= '0' then
    return answer('frozen')
end

-- ---- each operation: its conditions ---------------------------------------------------------------

local function newer(a, b) -- canonical decimals, which may be larger than a double holds
    if #a ~= #b then
        return #a > #b
    end
    return a > b
end

-- What is stored now; revision 0: nothing, or nothing that can be read.
local function look_up(hash, key)
    local value = redis.call('HGET', hash, key)
    if value then
        local _, last, rev, version, fields =
            string.find(value, '^(%d+) (%d+) %d+ %x+\n([^\n]*)\n')
        if last then
            return {value = value, revision = tonumber(rev), version = version, fields = fields,
                    live = last < #value, body_at = last + 1}
        end
    end
    return {revision = 0, version = '', live = false}
end

local function has(op, condition)
    return bit.band(op.conditions, condition) ~= 0
end

local function conflicts(op)
    return has(op, SAME_REVISION) and op.stored.revision ~= op.unchanged
        or has(op, ABSENT) and op.stored.live
end

-- The word which skips an operation, or nil.
local function skips(op)
    local stored = op.stored
    local is_newer = newer(op.version, stored.version)
    if has(op, NEWER) and not is_newer then
        return 'stale'
    end
    if has(op, REFRESH) and not is_newer then
        if op.version ~= stored.version or stored.revision > op.since then
            return 'stale'
        end
        if stored.live and stored.fields == op.fields and string.sub(stored.value, stored.body_at)
            == op.body and redis.call('HGET', op.raw_hash, op.key)
            == whole(stored.revision) .. '\n' .. op.raw then
            return 'same'
        end
    end
    if has(op, UNCHANGED) and stored.revision ~= op.unchanged then
        return 'changed'
    end
    return nil
end

local ops, results, named = {}, {}, {}
local taken = 0
for first = FIRST_OP, #ARGV, OP_VALUES do
    local op = {}
    op.kind, op.key, op.conditions, op.unchanged, op.since, op.version, op.fields, op.body, op.raw =
        unpack(ARGV, first, first + OP_VALUES - 1)
    op.hash, op.raw_hash = '{blox}:' .. op.kind, '{blox}:raw:' .. op.kind
    op.conditions = tonumber(op.conditions)
    op.unchanged, op.since = tonumber(op.unchanged), tonumber(op.since)
    op.deletes = op.body == ''

    local name = op.kind .. ' ' .. op.key
    if named[name] then
        return answer('twice', #ops)
    end
    named[name] = true

    op.stored = look_up(op.hash, op.key)
    if conflicts(op) then
        return answer('conflict', #ops)
    end
    op.skip = skips(op)
    if not op.skip then
        taken = taken + 1
    end
    ops[#ops + 1] = op
end

-- ---- the writes -----------------------------------------------------------------------------------

-- Writes the log entry of one operation. A delete is logged with the last value.
local function log(op, rev, value, following)
    local old = op.stored
    local old_fields = ''
    if old.live and not op.deletes and old.fields ~= op.fields then
        old_fields = old.fields
    end
    redis.call('XADD', LOG, rev .. '-0', 'at', at, 'commit', id, 'kind', op.kind,
        'key', op.key, 'value', op.deletes and old.live and old.value or value,
        'old', old_fields, 'deleted', op.deletes and '1' or '0', 'cause', cause, 'actor', actor,
        'following', following)
end

local changed, n_changed = {}, taken
if taken > 0 then
    revision = redis.call('INCRBY', REVISION, taken) - taken
end
for i, op in ipairs(ops) do
    if op.skip then
        results[i] = op.skip
    else
        taken, revision = taken - 1, revision + 1
        local rev = whole(revision)
        results[i] = rev

        local fields = op.deletes and op.stored.fields or op.fields
        local value = rev .. ' ' .. op.version .. ' ' .. at .. ' ' .. id .. '\n'
            .. fields .. '\n' .. op.body
        log(op, rev, value, taken)
        redis.call('HSET', op.hash, op.key, value)
        if op.deletes then
            redis.call('ZADD', TOMBSTONES, at, op.kind .. ' ' .. op.key)
        end
        if op.raw ~= '' and not op.deletes then
            redis.call('HSET', op.raw_hash, op.key, rev .. '\n' .. op.raw)
        elseif op.stored.live then
            redis.call('HDEL', op.raw_hash, op.key)
        end
        local pair = op.kind .. ' ' .. string.match(fields, '^[^\t]*')
        changed[pair] = rev
        if cause == 'event' then
            changed['event ' .. string.match(fields, '^[^\t]*')] = at
        end
    end
end

if n_changed > 0 then
    for pair, rev in pairs(changed) do
        redis.call('HSET', CHANGED, pair, rev)
    end
    -- "~": whole nodes only, which costs next to nothing; the newest commit always stays.
    redis.call('XTRIM', LOG, 'MAXLEN', '~', whole(math.max(tonumber(log_max), n_changed)))
end
if audit.environment ~= '' then
    redis.call('XADD', AUDIT, 'MAXLEN', '~', AUDIT_MAX, '*', 'at', at, 'revision', whole(revision),
        'environment', audit.environment, 'actor', actor, 'request', audit.request,
        'apiRequest', audit.api_request, 'what', audit.what, 'before', audit.before, 'after', audit.after)
end
local done = answer('done', table.concat(results, ' '))
if durable == '1' then
    redis.call('SET', RESULT, done, 'EX', RESULT_S)
end
return done
