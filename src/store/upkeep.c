/* What the lease holder does to the store once a minute: tombstones and log entries past their
 * time go. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/keys.h"
#include "store/pool.h"
#include "store/script.h"
#include "util/mem.h"

#define NUMBER_LEN 24
#define PURGE_MAX  "250" /* tombstones a call */

/* ---- tombstones ---------------------------------------------------------------------------- */

struct purging {
    const char *lease_token;
    int64_t before_ms;
    int64_t seen, gone;
};

static int purge(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct purging *p = ctx;
    char before[NUMBER_LEN];
    const char *argv[SCRIPT_ARGS + 5] = {[SCRIPT_ARGS] = KEY_LEASE,
                                         KEY_TOMBSTONES,
                                         p->lease_token ? p->lease_token : "",
                                         before,
                                         PURGE_MAX};

    snprintf(before, sizeof(before), "%" PRId64, p->before_ms);
    AUTO(reply) *reply =
        script_run(redis, deadline_ms, SCRIPT_PURGE, 2, ARRAY_LEN(argv), argv, NULL, err);

    if (!reply) {
        return error_prefix(err, "purging tombstones");
    }
    if (reply->type == REPLY_TEXT && streq(reply->text, "no-lease")) {
        return error_set(err, ERR_CONFLICT, "purging tombstones: the lease is somebody else's");
    }
    if (reply->type != REPLY_TEXT ||
        sscanf(reply->text, "%" SCNd64 " %" SCNd64, &p->seen, &p->gone) != 2) {
        return error_set(err, ERR_PROTOCOL, "redis %s: purge: no counts", redis_address(redis));
    }
    return 0;
}

int store_purge(struct store *store, const char *lease_token, int64_t before_ms, int64_t *gone,
                struct error *err)
{
    struct purging purging = {.lease_token = lease_token, .before_ms = before_ms};

    if (store_run(store, purge, &purging, err) < 0) {
        return -1;
    }
    *gone += purging.gone;
    return purging.seen == atoi(PURGE_MAX);
}

/* ---- the log's age ------------------------------------------------------------------------- */

struct log_end {
    int64_t revision;
    int64_t at_ms;
};

/* The first entry from `from` on, or with "+" the last of all; revision 0 when there is none. */
static int entry_at(struct redis *redis, int64_t deadline_ms, const char *from, struct log_end *out,
                    struct error *err)
{
    bool last = streq(from, "+");
    AUTO(reply) *reply = redis_call(redis, deadline_ms, err, last ? "XREVRANGE" : "XRANGE", KEY_LOG,
                                    from, last ? "-" : "+", "COUNT", "1", NULL);

    *out = (struct log_end){0};
    if (!reply) {
        return -1;
    }
    const struct reply *entry = reply_array_at(reply, 0);
    const struct reply *values = entry ? reply_array_at(entry, 1) : NULL;
    const struct reply *at = values ? reply_field(values, "at") : NULL;

    if (at && reply_text_at(entry, 0)) {
        out->revision = strtoll(reply_text_at(entry, 0), NULL, 10);
        out->at_ms = strtoll(at->text, NULL, 10);
    }
    return 0;
}

static int64_t redis_time_ms(const struct reply *time)
{
    const char *seconds = reply_text_at(time, 0);
    const char *us = reply_text_at(time, 1);

    return seconds && us ? strtoll(seconds, NULL, 10) * 1000 + strtoll(us, NULL, 10) / 1000 : 0;
}

/* The first revision which is not older than since_ms, by halving; `last` at most. */
static int first_since(struct redis *redis, int64_t deadline_ms, int64_t since_ms, int64_t first,
                       int64_t last, int64_t *out, struct error *err)
{
    while (first < last) {
        int64_t middle = first + (last - first) / 2;
        char from[NUMBER_LEN];
        struct log_end entry = {0};

        snprintf(from, sizeof(from), "%" PRId64, middle);
        if (entry_at(redis, deadline_ms, from, &entry, err) < 0) {
            return -1;
        }
        if (entry.revision == 0 || entry.at_ms >= since_ms) {
            last = middle;
        } else {
            first = entry.revision + 1;
        }
    }
    *out = first < last ? first : last;
    return 0;
}

static int trim(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    const int64_t *age_ms = ctx;
    struct log_end first = {0};
    struct log_end last = {0};
    int64_t keep_from = 0;
    char minid[NUMBER_LEN];
    AUTO(reply) *time = redis_call(redis, deadline_ms, err, "TIME", NULL);

    if (!time || entry_at(redis, deadline_ms, "-", &first, err) < 0 ||
        entry_at(redis, deadline_ms, "+", &last, err) < 0) {
        return -1;
    }
    /* The newest commit stays: it has at most COMMIT_OPS_MAX entries, with dense revisions. */
    int64_t newest = last.revision - COMMIT_OPS_MAX + 1;

    if (first_since(redis, deadline_ms, redis_time_ms(time) - *age_ms, first.revision,
                    last.revision, &keep_from, err) < 0) {
        return -1;
    }
    snprintf(minid, sizeof(minid), "%" PRId64, keep_from < newest ? keep_from : newest);
    AUTO(reply) *trimmed =
        redis_call(redis, deadline_ms, err, "XTRIM", KEY_LOG, "MINID", minid, NULL);

    return trimmed ? 0 : -1;
}

int store_trim_log(struct store *store, int64_t age_ms, struct error *err)
{
    if (store_run(store, trim, &age_ms, err) < 0) {
        return error_prefix(err, "trimming the log");
    }
    return 0;
}
