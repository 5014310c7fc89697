/* Drift: the thread which knows what is due, and those which pass one cluster each. */
#include "reconcile/drift.h"

#include <stdlib.h>

#include "reconcile/rota.h"
#include "reconcile/wishes.h"
#include "reconcile/worker.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define CALL_TIMEOUT_MS 30000 /* of one call, its wait for the governor included */
#define TICK_MS         200   /* how soon a lease, a stop or a wish is noticed */
#define IDLE_MS         60000 /* longest sleep of who has no cluster to pass; a wake ends it */
#define RETRY_MS        15000 /* after ListClusters failed */
#define REQUESTS_MAX    1000  /* more clusters than this asked for: all of them */
#define HEARD_MAX       10000 /* more clusters than this wait for the next listing */

/* One thread which passes one cluster at a time. */
struct runner {
    struct worker worker;
    struct drift *drift;
    char lease_token[LEASE_TOKEN_LEN]; /* of its present pass */
};

struct drift {
    struct worker worker;
    struct drift_options options;
    struct ecs ecs;
    struct runner runners[DRIFT_PASSES];
    int64_t discover_ms; /* monotonic; when ListClusters is due */
    /* under the worker's lock */
    char lease_token[LEASE_TOKEN_LEN]; /* "": not held */
    struct rota rota;
    json_t *requests; /* of a process without the lease: set of cluster ARNs */
    json_t *heard;    /* likewise: those of whose events it knows */
    bool requested_all;
    bool discover_now;
    struct drift_stats stats;
};

void drift_stats(struct drift *drift, struct drift_stats *out)
{
    worker_lock(&drift->worker);
    *out = drift->stats;
    out->clusters = drift->lease_token[0] ? (int64_t)HASH_COUNT(drift->rota.clusters) : 0;
    worker_unlock(&drift->worker);
}

/* ---- one cluster ----------------------------------------------------------------------------- */

/* The lease under which the pass began is lost, or the program ends. */
static bool must_stop(void *ctx)
{
    struct runner *runner = ctx;
    struct drift *drift = runner->drift;
    char token[LEASE_TOKEN_LEN];

    return worker_stopping(&drift->worker) || !lease_held(drift->options.lease, token) ||
           !streq(token, runner->lease_token);
}

static void log_pass(const char *cluster, const struct pass_report *report, int64_t took_ms)
{
    int64_t news = report->missed + report->outdated + report->changed + report->filled +
                   report->deleted + report->held + report->skipped;

    log_line(news > 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "drift.pass",
             "cluster=%s instances=%zu tasks=%zu missed=%lld outdated=%lld changed=%lld "
             "filled=%lld deleted=%lld held=%lld skipped=%lld calls=%lld took_ms=%lld",
             cluster, report->instances, report->tasks, (long long)report->missed,
             (long long)report->outdated, (long long)report->changed, (long long)report->filled,
             (long long)report->deleted, (long long)report->held, (long long)report->skipped,
             (long long)report->reads, (long long)took_ms);
}

/* False: it failed, which is logged. */
static bool pass_cluster(struct runner *runner, struct rota_cluster *cluster, bool is_listed,
                         struct pass_report *report)
{
    struct drift *drift = runner->drift;
    const struct pass_tools tools = {
        .ecs = drift->ecs,
        .store = drift->options.store,
        .view = drift->options.view,
        .lease_token = runner->lease_token,
        .stopping = must_stop,
        .ctx = runner,
    };
    struct error err = {0};
    int64_t began_ms = clock_mono_ms();
    bool completed = pass_run(&tools, cluster->arn, is_listed, &cluster->missed, report, &err) == 0;

    if (completed) {
        metric_observe_us(METRIC_DRIFT_PASS_DURATION, 0, 1000 * (clock_mono_ms() - began_ms));
        log_pass(cluster->arn, report, clock_mono_ms() - began_ms);
    } else if (!must_stop(runner)) {
        log_warn("drift.failed", "cluster=%s text=\"%s\"", cluster->arn, err.text);
    }
    return completed;
}

static void count(struct drift *drift, const struct pass_report *report, bool completed)
{
    drift->stats.passes += completed;
    drift->stats.failures += !completed;
    pass_report_add(&drift->stats.work, report);
    metric_add(METRIC_DRIFT_PASSES, completed ? RESULT_OK : RESULT_FAILED, 1);
    metric_add(METRIC_DRIFT_REPAIRS, REPAIR_MISSED, (uint64_t)report->missed);
    metric_add(METRIC_DRIFT_REPAIRS, REPAIR_OUTDATED, (uint64_t)report->outdated);
    metric_add(METRIC_DRIFT_REPAIRS, REPAIR_CHANGED, (uint64_t)report->changed);
    metric_add(METRIC_DRIFT_REPAIRS, REPAIR_DELETED, (uint64_t)report->deleted);
    metric_add(METRIC_DRIFT_FILLED, 0, (uint64_t)report->filled);
    metric_add(METRIC_DRIFT_HELD, 0, (uint64_t)report->held);
    metric_add(METRIC_DRIFT_SKIPPED, 0, (uint64_t)report->skipped);
}

/* With the lock held, which it gives back for the pass. */
static void pass_next(struct runner *runner, struct rota_cluster *cluster)
{
    struct drift *drift = runner->drift;
    struct pass_report report = {0};

    bool is_listed = cluster->listed;

    memcpy(runner->lease_token, drift->lease_token, LEASE_TOKEN_LEN);
    drift->stats.running++;
    worker_unlock(&drift->worker);
    bool completed = pass_cluster(runner, cluster, is_listed, &report);

    worker_lock(&drift->worker);
    rota_end(&drift->rota, cluster, completed, report.reads, clock_mono_ms());
    drift->stats.running--;
    count(drift, &report, completed);
    if (rota_round_is_over(&drift->rota, clock_mono_ms())) {
        metric_mark(METRIC_DRIFT_ROUND_AGE, 0);
    }
}

static void *run_passes(void *ctx)
{
    struct runner *runner = ctx;
    struct drift *drift = runner->drift;

    worker_lock(&drift->worker);
    while (!worker_stopping(&drift->worker)) {
        struct rota_cluster *cluster =
            drift->lease_token[0] ? rota_begin(&drift->rota, clock_mono_ms()) : NULL;

        if (cluster) {
            pass_next(runner, cluster);
        } else {
            (void)worker_wait_until(&drift->worker, clock_mono_ms() + IDLE_MS);
        }
    }
    worker_unlock(&drift->worker);
    return NULL;
}

/* ---- which clusters there are ---------------------------------------------------------------- */

static void collect_cluster(void *ctx, const struct entity *entity)
{
    json_t *clusters = ctx;
    const char *arn = entity_field(entity, FIELD_CLUSTER);

    if (*arn && !json_object_get(clusters, arn)) {
        json_object_set_new(clusters, arn, json_false());
    }
}

/* ECS' clusters and the view's, as a set of ARNs: true for those which ECS lists. */
static json_t *all_clusters(struct drift *drift, struct error *err)
{
    static const enum kind kinds[] = {KIND_CLUSTER, KIND_INSTANCE, KIND_TASK, KIND_ENVIRONMENT};
    json_auto_t *listed = NULL;
    json_t *clusters = json_object();
    json_t *arn;
    size_t i;

    if (ecs_list_clusters(&drift->ecs, &listed, err) < 0) {
        json_decref(clusters);
        return NULL;
    }
    json_array_foreach(listed, i, arn)
    {
        if (json_is_string(arn)) {
            json_object_set_new(clusters, json_string_value(arn), json_true());
        }
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        view_each(drift->options.view, kinds[k], NULL, collect_cluster, clusters);
    }
    return clusters;
}

/* With the lock held: what nobody speaks of any more goes, unless a pass of it was asked for. */
static void update_rota(struct drift *drift, json_t *clusters)
{
    struct rota_cluster *cluster, *next;
    const char *arn;
    json_t *is_listed;

    json_object_foreach(clusters, arn, is_listed)
    {
        rota_know(&drift->rota, arn)->listed = json_is_true(is_listed);
    }
    HASH_ITER(hh, drift->rota.clusters, cluster, next)
    {
        if (!json_object_get(clusters, cluster->arn) && !cluster->running &&
            cluster->asked_ms < 0) {
            rota_forget(&drift->rota, cluster);
        }
    }
}

static void discover(struct drift *drift)
{
    struct error err = {0};
    json_auto_t *clusters = all_clusters(drift, &err);

    if (!clusters) {
        drift->discover_ms = clock_mono_ms() + RETRY_MS;
        if (!worker_stopping(&drift->worker)) {
            log_warn("drift.failed", "text=\"%s\"", err.text);
        }
        return;
    }
    worker_lock(&drift->worker);
    update_rota(drift, clusters);
    drift->discover_ms = clock_mono_ms() + rota_interval_ms(&drift->rota);
    worker_unlock(&drift->worker);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* With the lock held. */
static void ask(struct drift *drift, const char *cluster_arn)
{
    rota_ask(&drift->rota, cluster_arn, clock_mono_ms());
    if (!cluster_arn) {
        drift->discover_now = true; /* there may be clusters nobody knows yet */
    }
}

/* With the lock held. */
static void remember(struct drift *drift, const char *cluster_arn)
{
    if (!cluster_arn || json_object_size(drift->requests) >= REQUESTS_MAX) {
        drift->requested_all = true;
    } else {
        json_object_set_new(drift->requests, cluster_arn, json_null());
    }
}

void drift_request(struct drift *drift, const char *cluster_arn)
{
    worker_lock(&drift->worker);
    if (drift->lease_token[0]) {
        ask(drift, cluster_arn);
    } else {
        remember(drift, cluster_arn);
    }
    worker_unlock(&drift->worker);
    worker_wake(&drift->worker);
}

/* With the lock held. Without the lease: the first time, later ones are none of its business. */
static bool is_known(struct drift *drift, const char *cluster_arn)
{
    if (drift->lease_token[0]) {
        return rota_knows(&drift->rota, cluster_arn);
    }
    if (json_object_get(drift->heard, cluster_arn) || json_object_size(drift->heard) >= HEARD_MAX) {
        return true;
    }
    json_object_set_new(drift->heard, cluster_arn, json_null());
    return false;
}

void drift_hear(struct drift *drift, const char *cluster_arn)
{
    if (!view_ready(drift->options.view)) {
        return; /* to whom everything is new */
    }
    worker_lock(&drift->worker);
    bool known = is_known(drift, cluster_arn);

    worker_unlock(&drift->worker);
    AUTO(entity) *record = known ? NULL : view_get(drift->options.view, KIND_CLUSTER, cluster_arn);

    if (!known && !record) {
        drift_request(drift, cluster_arn);
    }
}

static void take_wish(void *ctx, const char *cluster_arn)
{
    struct drift *drift = ctx;

    log_info("drift.requested", "cluster=%s", cluster_arn ? cluster_arn : "all");
    worker_lock(&drift->worker);
    ask(drift, cluster_arn);
    drift->stats.requests++;
    metric_add(METRIC_DRIFT_REQUESTS, 0, 1);
    worker_unlock(&drift->worker);
}

static void take_wishes(struct drift *drift)
{
    struct error err = {0};

    if (wishes_take(drift->options.store, drift->options.view, drift->lease_token, take_wish, drift,
                    &err) < 0) {
        log_debug("drift.wishes", "text=\"%s\"", err.text); /* the view says when Redis is away */
    }
}

static int leave_all(struct drift *drift, json_t *requests, bool all, struct error *err)
{
    const char *arn;
    json_t *nothing;

    if (all) {
        return wish_leave(drift->options.store, NULL, err);
    }
    json_object_foreach(requests, arn, nothing)
    {
        if (wish_leave(drift->options.store, arn, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* What this process wants goes to who holds the lease; while Redis is away it is kept. */
static void pass_on(struct drift *drift)
{
    struct error err = {0};

    worker_lock(&drift->worker);
    bool all = drift->requested_all;
    json_auto_t *requests = drift->requests;

    drift->requests = json_object();
    drift->requested_all = false;
    worker_unlock(&drift->worker);
    if ((all || json_object_size(requests) > 0) && leave_all(drift, requests, all, &err) < 0) {
        worker_lock(&drift->worker);
        drift->requested_all = drift->requested_all || all;
        json_object_update(drift->requests, requests);
        worker_unlock(&drift->worker);
    }
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Notices the lease's coming and going. A new tenure begins with a pass of every cluster, which
 * covers whatever was asked for before. */
static bool may_work(struct drift *drift)
{
    char token[LEASE_TOKEN_LEN] = "";
    bool holds = view_ready(drift->options.view) && lease_held(drift->options.lease, token);

    worker_lock(&drift->worker);
    if (!holds) {
        drift->lease_token[0] = '\0';
    } else if (!streq(token, drift->lease_token)) {
        memcpy(drift->lease_token, token, LEASE_TOKEN_LEN);
        rota_begin_tenure(&drift->rota, clock_mono_ms());
        metric_mark(METRIC_DRIFT_ROUND_AGE, 0);
        drift->discover_now = true;
        drift->requested_all = false;
        json_object_clear(drift->requests);
    }
    worker_unlock(&drift->worker);
    return holds;
}

static bool must_discover(struct drift *drift)
{
    worker_lock(&drift->worker);
    bool now = drift->discover_now || clock_mono_ms() >= drift->discover_ms;

    drift->discover_now = false;
    worker_unlock(&drift->worker);
    return now;
}

static void work(struct drift *drift)
{
    take_wishes(drift);
    if (must_discover(drift)) {
        discover(drift);
    }
    worker_lock(&drift->worker);
    bool waiting = rota_has_work(&drift->rota, clock_mono_ms());

    worker_unlock(&drift->worker);
    if (waiting) {
        worker_wake(&drift->worker); /* the runners */
    }
}

static void *run(void *ctx)
{
    struct drift *drift = ctx;

    do {
        metric_mark(METRIC_LOOP_AGE, LOOP_DRIFT);
        if (may_work(drift)) {
            work(drift);
        } else if (view_ready(drift->options.view)) {
            pass_on(drift);
        }
    } while (worker_sleep(&drift->worker, TICK_MS));
    return NULL;
}

static int start(struct drift *drift, struct error *err)
{
    for (size_t r = 0; r < ARRAY_LEN(drift->runners); r++) {
        if (worker_start(&drift->runners[r].worker, run_passes, &drift->runners[r], err) < 0) {
            return -1;
        }
    }
    return worker_start(&drift->worker, run, drift, err);
}

struct drift *drift_open(const struct drift_options *options, struct error *err)
{
    struct drift *drift = xcalloc(1, sizeof(*drift));

    drift->options = *options;
    drift->ecs = (struct ecs){
        .aws = options->aws,
        .class = AWS_DRIFT,
        .timeout_ms = CALL_TIMEOUT_MS,
        .cancel = &drift->worker.stopping,
    };
    drift->rota.interval_ms = options->interval_ms ? options->interval_ms : DRIFT_INTERVAL_MS;
    drift->rota.reads_per_s = options->reads_per_s > 0 ? options->reads_per_s : DRIFT_READS_PER_S;
    drift->requests = json_object();
    drift->heard = json_object();
    worker_init(&drift->worker);
    for (size_t r = 0; r < ARRAY_LEN(drift->runners); r++) {
        worker_init(&drift->runners[r].worker);
        drift->runners[r].drift = drift;
    }
    if (start(drift, err) < 0) {
        drift_free(drift);
        return NULL;
    }
    return drift;
}

void drift_free(struct drift *drift)
{
    if (drift) {
        worker_stop(&drift->worker);
        aws_wake(drift->options.aws); /* calls under way are cancelled */
        for (size_t r = 0; r < ARRAY_LEN(drift->runners); r++) {
            worker_end(&drift->runners[r].worker);
        }
        worker_end(&drift->worker);
        rota_clear(&drift->rota);
        json_decref(drift->requests);
        json_decref(drift->heard);
        free(drift);
    }
}
