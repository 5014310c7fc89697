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

-- ---- each operation -------------------------------------------------------------------------------
--
-- Redis' Lua hashes every character of every string it makes, and each call of a command is copied,
-- logged and replicated by itself. So the commands of a commit take all operations of a kind together,
-- and long texts are not taken apart.

local ops, kinds = {}, {} -- kinds: by name, what belongs to each
for first = FIRST_OP, #ARGV, OP_VALUES do
    local op = {}
    op.kind, op.key, op.conditions, op.unchanged, op.since, op.version, op.fields, op.body, op.raw =
        unpack(ARGV, first, first + OP_VALUES - 1)
    op.conditions = tonumber(op.conditions)
    op.unchanged, op.since = tonumber(op.unchanged), tonumber(op.since)
    op.deletes = op.body == ''

    local kind = kinds[op.kind]
    if not kind then
        kind = {hash = '{blox}:' .. op.kind, raw_hash = '{blox}:raw:' .. op.kind, keys = {}, ops = {},
                values = {}, raws = {}, raws_gone = {}, tombstones = {}} -- what is to be written
        kinds[op.kind] = kind
    end
    if kind.ops[op.key] then
        return answer('twice', #ops)
    end
    kind.ops[op.key] = op
    kind.keys[#kind.keys + 1] = op.key
    op.belongs = kind
    ops[#ops + 1] = op
end

-- What is stored now; revision 0: nothing, or nothing that can be read.
local NOTHING = {revision = 0, version = '', live = false}
local function parse(value)
    local rev, version, first = string.match(value or '', '^(%d+) (%d+) %d+ %x+\n()')
    local last = first and string.find(value, '\n', first, true)
    if not last then
        return NOTHING
    end
    return {value = value, revision = tonumber(rev), version = version, live = last < #value,
            fields = string.sub(value, first, last - 1), body_at = last + 1}
end

for _, kind in pairs(kinds) do
    local values = redis.call('HMGET', kind.hash, unpack(kind.keys))
    for i, key in ipairs(kind.keys) do
        kind.ops[key].stored = parse(values[i])
    end
end

-- ---- conditions -----------------------------------------------------------------------------------

local band = bit.band

local function newer(a, b) -- canonical decimals, which may be larger than a double holds
    if #a ~= #b then
        return #a > #b
    end
    return a > b
end

local function conflicts(op)
    return band(op.conditions, SAME_REVISION) ~= 0 and op.stored.revision ~= op.unchanged
        or band(op.conditions, ABSENT) ~= 0 and op.stored.live
end

-- The word which skips an operation, or nil.
local function skips(op)
    local stored = op.stored
    local is_newer = newer(op.version, stored.version)
    if band(op.conditions, NEWER) ~= 0 and not is_newer then
        return 'stale'
    end
    if band(op.conditions, REFRESH) ~= 0 and not is_newer then
        if op.version ~= stored.version or stored.revision > op.since then
            return 'stale'
        end
        if stored.live and stored.fields == op.fields
            and string.sub(stored.value, stored.body_at) == op.body
            and redis.call('HGET', op.belongs.raw_hash, op.key)
                == whole(stored.revision) .. '\n' .. op.raw then
            return 'same'
        end
    end
    if band(op.conditions, UNCHANGED) ~= 0 and stored.revision ~= op.unchanged then
        return 'changed'
    end
    return nil
end

local results = {}
local taken = 0
for i, op in ipairs(ops) do
    if conflicts(op) then
        return answer('conflict', i - 1)
    end
    op.skip = skips(op)
    if not op.skip then
        taken = taken + 1
    end
end

-- ---- the writes -----------------------------------------------------------------------------------

local function push(list, a, b)
    list[#list + 1] = a
    list[#list + 1] = b
end

-- Writes the log entry of one operation; what is empty or 0 is left out. A delete is logged with the
-- last value.
local function log(op, rev, value, following)
    local stored = op.stored
    local entry = {'at', at, 'commit', id, 'kind', op.kind, 'key', op.key, 'value',
                   op.deletes and stored.live and stored.value or value, 'cause', cause}
    if op.deletes then
        push(entry, 'deleted', '1')
    elseif stored.live and stored.fields ~= op.fields then
        push(entry, 'old', stored.fields)
    end
    if actor ~= '' then
        push(entry, 'actor', actor)
    end
    if following > 0 then
        push(entry, 'following', following)
    end
    redis.call('XADD', LOG, rev .. '-0', unpack(entry))
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
        local rev, kind = whole(revision), op.belongs
        results[i] = rev

        local fields = op.deletes and op.stored.fields or op.fields
        local value = rev .. ' ' .. op.version .. ' ' .. at .. ' ' .. id .. '\n'
            .. fields .. '\n' .. op.body
        log(op, rev, value, taken)
        push(kind.values, op.key, value)
        if op.deletes then
            push(kind.tombstones, at, op.kind .. ' ' .. op.key)
        end
        if op.raw ~= '' and not op.deletes then
            push(kind.raws, op.key, rev .. '\n' .. op.raw)
        elseif op.stored.live then
            kind.raws_gone[#kind.raws_gone + 1] = op.key
        end
        local cluster = string.sub(fields, 1, (string.find(fields, '\t', 1, true) or 0) - 1)
        changed[op.kind .. ' ' .. cluster] = rev
        if cause == 'event' then
            changed['event ' .. cluster] = at
        end
    end
end

local function write(command, key, values)
    if #values > 0 then
        redis.call(command, key, unpack(values))
    end
end

if n_changed > 0 then
    for _, kind in pairs(kinds) do
        write('HSET', kind.hash, kind.values)
        write('ZADD', TOMBSTONES, kind.tombstones)
        write('HSET', kind.raw_hash, kind.raws)
        write('HDEL', kind.raw_hash, kind.raws_gone)
    end
    local pairs_changed = {}
    for pair, rev in pairs(changed) do
        push(pairs_changed, pair, rev)
    end
    write('HSET', CHANGED, pairs_changed)
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
