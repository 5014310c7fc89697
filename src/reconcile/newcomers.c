/* Newcomers: container instances first seen by an event, described soon after. */
#include "reconcile/newcomers.h"

#include <stdlib.h>

#include "aws/ecs.h"
#include "reconcile/batch.h"
#include "reconcile/worker.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"

#define DESCRIBE_TIMEOUT_MS 10000
#define RETRY_MS            2000
#define TRIES_MAX           5     /* then the next drift pass has to do */
#define IDLE_MS             60000 /* longest sleep; a newcomer ends it */

struct newcomer {
    char *cluster;
    char *instance;
};

struct newcomers {
    struct worker worker;
    struct ecs ecs;
    struct store *store;
    struct newcomer *waiting; /* under the worker's lock */
    size_t n_waiting;
};

static void list_free(struct newcomer *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].cluster);
        free(list[i].instance);
    }
    free(list);
}

void newcomers_add(struct newcomers *newcomers, const char *cluster_arn, const char *instance_arn)
{
    worker_lock(&newcomers->worker);
    if (newcomers->n_waiting < NEWCOMERS_MAX) {
        size_t n = newcomers->n_waiting++;

        newcomers->waiting =
            xreallocarray(newcomers->waiting, n + 1, sizeof(newcomers->waiting[0]));
        newcomers->waiting[n] = (struct newcomer){xstrdup(cluster_arn), xstrdup(instance_arn)};
    }
    worker_unlock(&newcomers->worker);
    worker_wake(&newcomers->worker);
}

/* Commits what Describe says, unless somebody wrote a later version meanwhile. */
static int commit_described(struct newcomers *newcomers, const char *cluster, json_t *instances,
                            int64_t since, struct error *err)
{
    AUTO_BATCH batch = {.store = newcomers->store, .cause = "event"};
    json_t *instance;
    size_t i;

    json_array_foreach(instances, i, instance)
    {
        struct batch_op op = {.conditions = COMMIT_REFRESH, .since = since};
        struct error why = {0};

        if (instance_record(instance, cluster, &op.record, &why) < 0) {
            log_warn("newcomers.skipped", "cluster=%s reason=\"%s\"", cluster, why.text);
        } else if (batch_add(&batch, &op, err) < 0) {
            return -1;
        }
    }
    return batch_flush(&batch, err);
}

/* One call for up to ECS_DESCRIBE_MAX of one cluster. */
static int describe(struct newcomers *newcomers, const char *cluster, json_t *arns,
                    struct error *err)
{
    json_auto_t *instances = NULL;
    json_auto_t *failures = NULL;
    int64_t since;

    if (store_revision(newcomers->store, &since, err) < 0 ||
        ecs_describe_container_instances(&newcomers->ecs, cluster, arns, &instances, &failures,
                                         err) < 0 ||
        commit_described(newcomers, cluster, instances, since, err) < 0) {
        return error_prefix(err, "%s", cluster);
    }
    return 0;
}

static void describe_or_give_up(struct newcomers *newcomers, const char *cluster, json_t *arns)
{
    struct error err = {0};

    for (int tries = 0; tries < TRIES_MAX; tries++) {
        error_clear(&err);
        if (describe(newcomers, cluster, arns, &err) == 0) {
            return;
        }
        if (!worker_sleep(&newcomers->worker, RETRY_MS)) {
            return;
        }
    }
    log_warn("newcomers.failed", "instances=%zu text=\"%s\"", json_array_size(arns), err.text);
}

static int compare_clusters(const void *a, const void *b)
{
    return strcmp(((const struct newcomer *)a)->cluster, ((const struct newcomer *)b)->cluster);
}

static void describe_all(struct newcomers *newcomers, struct newcomer *list, size_t n)
{
    qsort(list, n, sizeof(list[0]), compare_clusters);
    for (size_t from = 0, to; from < n; from = to) {
        json_auto_t *arns = json_array();

        for (to = from;
             to < n && to - from < ECS_DESCRIBE_MAX && streq(list[to].cluster, list[from].cluster);
             to++) {
            json_array_append_new(arns, json_string(list[to].instance));
        }
        if (worker_stopping(&newcomers->worker)) {
            return;
        }
        describe_or_give_up(newcomers, list[from].cluster, arns);
    }
}

static void *run(void *ctx)
{
    struct newcomers *newcomers = ctx;
    struct worker *worker = &newcomers->worker;

    worker_lock(worker);
    while (!worker->stopping) {
        if (newcomers->n_waiting == 0) {
            (void)worker_wait_until(worker, clock_mono_ms() + IDLE_MS);
            continue;
        }
        worker_unlock(worker);
        (void)worker_sleep(worker, NEWCOMERS_GATHER_MS);
        worker_lock(worker);
        struct newcomer *list = TAKE(newcomers->waiting);
        size_t n = newcomers->n_waiting;

        newcomers->n_waiting = 0;
        worker_unlock(worker);
        describe_all(newcomers, list, n);
        list_free(list, n);
        worker_lock(worker);
    }
    worker_unlock(worker);
    return NULL;
}

struct newcomers *newcomers_open(struct aws *aws, struct store *store, struct error *err)
{
    struct newcomers *newcomers = xcalloc(1, sizeof(*newcomers));

    newcomers->ecs = (struct ecs){
        .aws = aws,
        .class = AWS_HEALTH,
        .timeout_ms = DESCRIBE_TIMEOUT_MS,
        .cancel = &newcomers->worker.stopping,
    };
    newcomers->store = store;
    worker_init(&newcomers->worker);
    if (worker_start(&newcomers->worker, run, newcomers, err) < 0) {
        newcomers_free(newcomers);
        return NULL;
    }
    return newcomers;
}

void newcomers_free(struct newcomers *newcomers)
{
    if (newcomers) {
        worker_stop(&newcomers->worker);
        aws_wake(newcomers->ecs.aws); /* a call under way is cancelled */
        worker_end(&newcomers->worker);
        list_free(newcomers->waiting, newcomers->n_waiting);
        free(newcomers);
    }
}
