/* Reading single entities with their raw form, or that alone. */
#include <stdlib.h>

#include "store/keys.h"
#include "store/log.h"
#include "store/pool.h"
#include "util/mem.h"

#define READ_ROUNDS 20 /* a pair which disagrees that often is being rewritten all the time */

struct reading {
    enum kind kind;
    const char *const *keys;
    size_t n;
    struct stored *out; /* of store_read */
    char **raws;        /* of store_read_raw */
};

static size_t want_all(const struct reading *reading, size_t wanted[COMMIT_OPS_MAX])
{
    for (size_t i = 0; i < reading->n; i++) {
        wanted[i] = i;
    }
    return reading->n;
}

/* HMGET of the keys named by index. */
static struct reply *get_many(struct redis *redis, int64_t deadline_ms, const char *hash,
                              const struct reading *reading, const size_t *wanted, size_t n,
                              struct error *err)
{
    const char *argv[2 + COMMIT_OPS_MAX] = {"HMGET", hash};

    for (size_t w = 0; w < n; w++) {
        argv[2 + w] = reading->keys[wanted[w]];
    }
    AUTO(reply) *reply = redis_call_argv(redis, deadline_ms, 2 + n, argv, NULL, err);

    if (reply && (reply->type != REPLY_ARRAY || reply->n != n)) {
        error_set(err, ERR_PROTOCOL, "redis %s: HMGET %s: %zu values expected",
                  redis_address(redis), hash, n);
        return NULL;
    }
    return TAKE(reply);
}

/* Takes value and raw for one entity; false when they are of different revisions. A value without
 * raw is believed when it was so the last time, too. A value that cannot be read is none, as it is
 * for the commit, which then replaces it. */
static bool settle(const struct reply *value, const struct reply *raw, struct stored *out)
{
    struct stored_value parsed = {0};
    int64_t seen = out->revision;
    char *rest = NULL;

    stored_clear(out, 1);
    if (value->type != REPLY_TEXT || !value_parse_head(value->text, value->len, &parsed)) {
        return true;
    }
    out->revision = parsed.revision;
    out->at_ms = parsed.at_ms;
    out->deleted = parsed.body_len == 0;
    out->version = xmemdup0(parsed.version, parsed.version_len);
    if (raw->type != REPLY_TEXT) {
        return out->deleted || seen == parsed.revision;
    }
    if (strtoll(raw->text, &rest, 10) != parsed.revision || *rest != '\n') {
        return false;
    }
    out->raw = xstrdup(rest + 1);
    return true;
}

static int read_pairs(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct reading *reading = ctx;
    bool has_raw = reading->kind == KIND_TASK || reading->kind == KIND_INSTANCE;
    static const struct reply nothing = {.type = REPLY_NIL};
    size_t wanted[COMMIT_OPS_MAX];
    size_t n = want_all(reading, wanted);

    for (int round = 0; n > 0; round++) {
        size_t again = 0;
        AUTO(reply) *raws = NULL;
        AUTO(reply) *values = NULL;

        if (round == READ_ROUNDS) {
            return error_set(err, ERR_UNAVAILABLE, "redis %s: %s changes too fast to be read",
                             redis_address(redis), reading->keys[wanted[0]]);
        }
        if (has_raw) {
            raws = get_many(redis, deadline_ms, key_of_raw(reading->kind), reading, wanted, n, err);
        }
        if (!has_raw || raws) {
            values =
                get_many(redis, deadline_ms, key_of_kind(reading->kind), reading, wanted, n, err);
        }
        if (!values) {
            return -1;
        }
        for (size_t w = 0; w < n; w++) {
            struct stored *out = &reading->out[wanted[w]];

            if (!settle(values->items[w], raws ? raws->items[w] : &nothing, out) && has_raw) {
                wanted[again++] = wanted[w];
            }
        }
        n = again;
    }
    return 0;
}

static int check_count(size_t n, struct error *err)
{
    return n > 0 && n <= COMMIT_OPS_MAX
               ? 0
               : error_set(err, ERR_INVALID, "reading 1 to %d entities at once, not %zu",
                           COMMIT_OPS_MAX, n);
}

int store_read(struct store *store, enum kind kind, const char *const *keys, size_t n,
               struct stored *out, struct error *err)
{
    struct reading reading = {.kind = kind, .keys = keys, .n = n, .out = out};

    if (check_count(n, err) < 0) {
        return -1;
    }
    memset(out, 0, n * sizeof(*out));
    if (store_run(store, read_pairs, &reading, err) < 0) {
        stored_clear(out, n);
        return -1;
    }
    return 0;
}

void stored_clear(struct stored *stored, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(stored[i].version);
        free(stored[i].raw);
        stored[i] = (struct stored){0};
    }
}

/* ---- the raw form alone ---------------------------------------------------------------------- */

static int read_raws(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    const struct reading *reading = ctx;
    size_t wanted[COMMIT_OPS_MAX] = {0};
    size_t n = want_all(reading, wanted);
    AUTO(reply) *raws =
        get_many(redis, deadline_ms, key_of_raw(reading->kind), reading, wanted, n, err);

    for (size_t i = 0; raws && i < n; i++) {
        const char *text = reply_text_at(raws, i);
        const char *json = text ? strchr(text, '\n') : NULL; /* behind the revision */

        reading->raws[i] = json ? xstrdup(json + 1) : NULL;
    }
    return raws ? 0 : -1;
}

int store_read_raw(struct store *store, enum kind kind, const char *const *keys, size_t n,
                   char **out, struct error *err)
{
    struct reading reading = {.kind = kind, .keys = keys, .n = n, .raws = out};

    return check_count(n, err) < 0 ? -1 : store_run(store, read_raws, &reading, err);
}
