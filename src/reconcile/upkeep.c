/* Upkeep, once a minute under the lease: what has had its time goes. */
#include "reconcile/upkeep.h"

#include <stdlib.h>

#include "model/environment.h"
#include "reconcile/batch.h"
#include "reconcile/worker.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"

#define UPKEEP_MS 60000
#define FIRST_MS  1000 /* after the lease was taken */
#define TICK_MS   500

struct upkeep {
    struct worker worker;
    struct upkeep_options options;
    char lease_token[LEASE_TOKEN_LEN];
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

static int purge(struct upkeep *upkeep, struct error *err)
{
    int64_t before_ms = view_now_ms(upkeep->options.view) - TOMBSTONE_AGE_MS;
    int64_t gone = 0;
    int more;

    do {
        more = store_purge(upkeep->options.store, upkeep->lease_token, before_ms, &gone, err);
    } while (more > 0 && !worker_stopping(&upkeep->worker));
    if (gone > 0) {
        log_debug("upkeep.purged", "tombstones=%lld", (long long)gone);
    }
    return more < 0 ? -1 : 0;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static int keep_up(struct upkeep *upkeep, struct error *err)
{
    int64_t log_age_ms = upkeep->options.log_age_ms ? upkeep->options.log_age_ms : LOG_AGE_MS;

    if (expire(upkeep, err) < 0 || store_trim_log(upkeep->options.store, log_age_ms, err) < 0) {
        return -1;
    }
    return purge(upkeep, err);
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
            log_warn("upkeep.failed", "text=\"%s\"", err.text);
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
