/* Upkeep, once a minute under the lease: what has had its time goes. */
#include "reconcile/upkeep.h"

#include <stdlib.h>

#include "model/environment.h"
#include "reconcile/batch.h"
#include "reconcile/worker.h"
#include "store/log.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"

#define UPKEEP_MS     60000
#define FIRST_MS      1000         /* after the lease was taken */
#define TOMBSTONES_MS (15 * 60000) /* between two searches for tombstones: each reads all keys */
#define TICK_MS       500
#define PURGE_MAX     COMMIT_OPS_MAX /* tombstones in one call */

/* Tombstones found which are past their time. */
struct tombstones {
    char *keys[PURGE_MAX];
    int64_t revisions[PURGE_MAX];
    size_t n;
    int64_t before_ms; /* deleted earlier than this */
};

struct upkeep {
    struct worker worker;
    struct upkeep_options options;
    char lease_token[LEASE_TOKEN_LEN];
    int64_t tombstones_due_ms; /* monotonic */
};

/* ---- what expires ---------------------------------------------------------------------------- */

/* What one visit of the view finds: keys and revisions, deleted if still unchanged. */
struct expired {
    int64_t now_ms;
    struct batch_op *ops;
    size_t n;
};

static void add_expired(struct expired *expired, const struct entity *entity)
{
    expired->ops = xreallocarray(expired->ops, expired->n + 1, sizeof(expired->ops[0]));
    expired->ops[expired->n++] = (struct batch_op){
        .record = {.kind = entity->kind,
                   .key = xstrdup(entity->key),
                   .version = xstrdup(entity->version)},
        .conditions = COMMIT_UNCHANGED,
        .unchanged = entity->revision,
    };
}

static void find_stopped_task(void *ctx, const struct entity *task)
{
    struct expired *expired = ctx;

    if (streq(entity_field(task, TASK_LAST_STATUS), "STOPPED")) {
        int64_t stopped_at_ms = entity_field_int(task, TASK_STOPPED_AT_MS);

        if (stopped_at_ms == 0) { /* ECS always says it; if not, when we heard of it */
            stopped_at_ms = task->at_ms;
        }
        if (expired->now_ms - stopped_at_ms >= STOPPED_TASK_AGE_MS) {
            add_expired(expired, task);
        }
    }
}

static bool is_forgettable(const struct expired *expired, const struct entity *environment)
{
    return streq(entity_field(environment, ENVIRONMENT_STATUS), "deleted") &&
           expired->now_ms - entity_field_int(environment, ENVIRONMENT_DELETED_AT_MS) >=
               DELETED_ENVIRONMENT_AGE_MS;
}

/* A deleted environment goes with its deployments, they first. */
static void find_environments(struct upkeep *upkeep, struct expired *expired)
{
    AUTO_ENTITY_LIST environments = {0};

    view_list(upkeep->options.view, KIND_ENVIRONMENT, NULL, &environments);
    for (size_t e = 0; e < environments.n; e++) {
        const struct entity *environment = environments.items[e];
        AUTO_ENTITY_LIST deployments = {0};

        if (!is_forgettable(expired, environment)) {
            continue;
        }
        AUTO_CHAR *prefix = xasprintf("%s/", entity_field(environment, ENVIRONMENT_ID));

        view_list_prefix(upkeep->options.view, KIND_DEPLOYMENT, prefix, &deployments);
        for (size_t d = 0; d < deployments.n; d++) {
            add_expired(expired, deployments.items[d]);
        }
        add_expired(expired, environment);
    }
}

static void count_applied(void *ctx, void *item, enum commit_op_result result)
{
    (void)item;
    *(int64_t *)ctx += result == COMMIT_APPLIED;
}

/* Takes what was found. */
static int delete_expired(struct upkeep *upkeep, struct expired *expired, struct error *err)
{
    int64_t n_deleted = 0;
    AUTO_BATCH batch = {
        .store = upkeep->options.store,
        .cause = "expired",
        .lease_token = upkeep->lease_token,
        .done = count_applied,
        .ctx = &n_deleted,
    };
    int outcome = 0;

    for (size_t i = 0; i < expired->n; i++) {
        if (outcome == 0) {
            outcome = batch_add(&batch, &expired->ops[i], err);
        } else {
            record_clear(&expired->ops[i].record);
        }
    }
    free(expired->ops);
    if (outcome == 0) {
        outcome = batch_flush(&batch, err);
    }
    if (n_deleted > 0) {
        log_debug("upkeep.expired", "deleted=%lld", (long long)n_deleted);
    }
    return outcome;
}

static int expire(struct upkeep *upkeep, struct error *err)
{
    struct expired expired = {.now_ms = view_now_ms(upkeep->options.view)};

    view_each(upkeep->options.view, KIND_TASK, NULL, find_stopped_task, &expired);
    find_environments(upkeep, &expired);
    return delete_expired(upkeep, &expired, err);
}

/* ---- tombstones ------------------------------------------------------------------------------ */

static void find_tombstone(void *ctx, enum kind kind, const char *key, size_t key_len,
                           const char *value, size_t value_len)
{
    struct tombstones *found = ctx;
    struct stored_value stored;

    (void)kind;
    if (found->n < PURGE_MAX && value_parse(value, value_len, &stored) && stored.body_len == 0 &&
        stored.at_ms < found->before_ms) {
        found->keys[found->n] = xmemdup0(key, key_len);
        found->revisions[found->n++] = stored.revision;
    }
}

static void forget_tombstones(struct tombstones *found)
{
    while (found->n > 0) {
        free(found->keys[--found->n]);
    }
}

/* One page of keys, and the end of what it held. */
static int purge_page(struct upkeep *upkeep, struct log_reader *reader, enum kind kind,
                      uint64_t *cursor, int64_t before_ms, struct error *err)
{
    struct tombstones found = {.before_ms = before_ms};
    int outcome = log_scan(reader, kind, cursor, find_tombstone, &found, err);

    if (outcome == 0 && found.n > 0) {
        outcome = store_purge(upkeep->options.store, upkeep->lease_token, kind,
                              (const char *const *)found.keys, found.revisions, found.n, err);
    }
    forget_tombstones(&found);
    return outcome;
}

/*
 * Tombstones are searched for: a view drops them, and those which another process made, or this one
 * before it was restarted, would never be found by who only listens.
 */
static int purge(struct upkeep *upkeep, struct error *err)
{
    AUTO(log_reader) *reader = log_reader_open(upkeep->options.store, err);
    int64_t before_ms = view_now_ms(upkeep->options.view) - TOMBSTONE_AGE_MS;

    if (!reader) {
        return -1;
    }
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        uint64_t cursor = 0;

        do {
            if (worker_stopping(&upkeep->worker)) {
                return 0;
            }
            if (purge_page(upkeep, reader, (enum kind)kind, &cursor, before_ms, err) < 0) {
                return -1;
            }
        } while (cursor != 0);
    }
    upkeep->tombstones_due_ms = clock_mono_ms() + TOMBSTONES_MS;
    return 0;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static int keep_up(struct upkeep *upkeep, struct error *err)
{
    int64_t log_age_ms = upkeep->options.log_age_ms ? upkeep->options.log_age_ms : LOG_AGE_MS;

    if (expire(upkeep, err) < 0 || store_trim_log(upkeep->options.store, log_age_ms, err) < 0) {
        return -1;
    }
    return clock_mono_ms() >= upkeep->tombstones_due_ms ? purge(upkeep, err) : 0;
}

static void *run(void *ctx)
{
    struct upkeep *upkeep = ctx;
    int64_t tenure_ms = 0;
    int64_t due_ms = 0;

    while (worker_sleep(&upkeep->worker, TICK_MS)) {
        struct error err = {0};

        if (!view_ready(upkeep->options.view) ||
            !lease_held(upkeep->options.lease, upkeep->lease_token)) {
            continue;
        }
        if (lease_since_ms(upkeep->options.lease) != tenure_ms) {
            tenure_ms = lease_since_ms(upkeep->options.lease);
            due_ms = clock_mono_ms() + FIRST_MS;
        }
        if (clock_mono_ms() < due_ms) {
            continue;
        }
        due_ms = clock_mono_ms() + UPKEEP_MS;
        if (keep_up(upkeep, &err) < 0) {
            log_warn("upkeep.failed", "error=\"%s\"", err.text);
        }
    }
    return NULL;
}

struct upkeep *upkeep_open(const struct upkeep_options *options, struct error *err)
{
    struct upkeep *upkeep = xcalloc(1, sizeof(*upkeep));

    upkeep->options = *options;
    worker_init(&upkeep->worker);
    if (worker_start(&upkeep->worker, run, upkeep, err) < 0) {
        upkeep_free(upkeep);
        return NULL;
    }
    return upkeep;
}

void upkeep_free(struct upkeep *upkeep)
{
    if (upkeep) {
        worker_end(&upkeep->worker);
        free(upkeep);
    }
}
