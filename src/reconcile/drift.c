/* Drift: when passes run, and over which clusters. */
#include "reconcile/drift.h"

#include <stdlib.h>
#include <uthash.h>

#include "reconcile/pass.h"
#include "reconcile/worker.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define CALL_TIMEOUT_MS 30000 /* of one call, its wait for the governor included */
#define TICK_MS         200   /* how soon a lease, or a stop, is noticed */
#define RETRY_MS        15000 /* after a pass in which a cluster failed */
#define REQUEST_GAP_MS  1000  /* between rounds which were asked for */
#define READS_PER_S     20.0
#define REQUESTS_MAX    1000 /* more clusters than this asked for: all of them */

/* A cluster and what its passes remember. */
struct known_cluster {
    struct missed *missed;
    UT_hash_handle hh;
    char arn[];
};

struct drift {
    struct worker worker;
    struct drift_options options;
    struct ecs ecs;
    struct known_cluster *known;
    int64_t tenure_ms; /* the one the memory is of: lease_since_ms; 0: none */
    int64_t next_ms;   /* of the monotonic clock: when the next full round is due */
    int64_t asked_ms;  /* ... when a round that was asked for last ended */
    char lease_token[LEASE_TOKEN_LEN];
    /* under the worker's lock */
    json_t *requests; /* set of cluster ARNs */
    bool requested_all;
    struct drift_stats stats;
};

void drift_request(struct drift *drift, const char *cluster_arn)
{
    worker_lock(&drift->worker);
    if (!cluster_arn || json_object_size(drift->requests) >= REQUESTS_MAX) {
        drift->requested_all = true;
    } else {
        json_object_set_new(drift->requests, cluster_arn, json_null());
    }
    worker_unlock(&drift->worker);
    worker_wake(&drift->worker);
}

void drift_stats(struct drift *drift, struct drift_stats *out)
{
    worker_lock(&drift->worker);
    *out = drift->stats;
    worker_unlock(&drift->worker);
}

/* ---- what passes remember -------------------------------------------------------------------- */

static struct known_cluster *know(struct drift *drift, const char *arn)
{
    struct known_cluster *cluster = NULL;
    size_t len = strlen(arn);

    HASH_FIND_STR(drift->known, arn, cluster);
    if (!cluster) {
        cluster = xcalloc(1, sizeof(*cluster) + len + 1);
        memcpy(cluster->arn, arn, len);
        HASH_ADD_STR(drift->known, arn, cluster);
    }
    return cluster;
}

static void forget_all(struct drift *drift)
{
    struct known_cluster *cluster, *next;

    HASH_ITER(hh, drift->known, cluster, next)
    {
        HASH_DEL(drift->known, cluster);
        missed_forget(&cluster->missed);
        free(cluster);
    }
}

/* ---- one cluster ----------------------------------------------------------------------------- */

/* The lease under which the round began is still held. */
static bool is_holding(struct drift *drift)
{
    char token[LEASE_TOKEN_LEN];

    return lease_held(drift->options.lease, token) && streq(token, drift->lease_token);
}

static bool must_stop(void *ctx)
{
    struct drift *drift = ctx;

    metric_mark(METRIC_LOOP_AGE, LOOP_DRIFT);
    return worker_stopping(&drift->worker) || !is_holding(drift);
}

static void count(struct drift *drift, const struct pass_report *report, bool completed)
{
    worker_lock(&drift->worker);
    drift->stats.passes += completed;
    drift->stats.failures += !completed;
    drift->stats.missed += report->missed;
    drift->stats.outdated += report->outdated;
    drift->stats.changed += report->changed;
    drift->stats.deleted += report->deleted;
    drift->stats.held += report->held;
    drift->stats.skipped += report->skipped;
    worker_unlock(&drift->worker);
    metric_add(METRIC_DRIFT_PASSES, completed ? RESULT_OK : RESULT_FAILED, 1);
    metric_add(METRIC_DRIFT_REPAIRS, REPAIR_MISSED, (uint64_t)report->missed);
    metric_add(METRIC_DRIFT_REPAIRS, REPAIR_OUTDATED, (uint64_t)report->outdated);
    metric_add(METRIC_DRIFT_REPAIRS, REPAIR_CHANGED, (uint64_t)report->changed);
    metric_add(METRIC_DRIFT_REPAIRS, REPAIR_DELETED, (uint64_t)report->deleted);
    metric_add(METRIC_DRIFT_HELD, 0, (uint64_t)report->held);
    metric_add(METRIC_DRIFT_SKIPPED, 0, (uint64_t)report->skipped);
}

static void log_pass(const char *cluster, const struct pass_report *report, int64_t took_ms)
{
    int64_t repairs = report->missed + report->outdated + report->changed + report->deleted;

    log_line(repairs + report->held + report->skipped > 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
             "drift.pass",
             "cluster=%s instances=%zu tasks=%zu missed=%lld outdated=%lld changed=%lld "
             "deleted=%lld held=%lld skipped=%lld took_ms=%lld",
             cluster, report->instances, report->tasks, (long long)report->missed,
             (long long)report->outdated, (long long)report->changed, (long long)report->deleted,
             (long long)report->held, (long long)report->skipped, (long long)took_ms);
}

/* False: it failed, which is logged; *reads is added to either way. */
static bool pass_cluster(struct drift *drift, const char *arn, bool is_listed, int64_t *reads)
{
    const struct pass_tools tools = {
        .ecs = drift->ecs,
        .store = drift->options.store,
        .view = drift->options.view,
        .lease_token = drift->lease_token,
        .stopping = must_stop,
        .ctx = drift,
    };
    struct known_cluster *cluster = know(drift, arn);
    struct pass_report report = {0};
    struct error err = {0};
    int64_t began_ms = clock_mono_ms();
    bool completed = pass_run(&tools, arn, is_listed, &cluster->missed, &report, &err) == 0;

    *reads += report.reads;
    count(drift, &report, completed);
    if (completed) {
        metric_observe_us(METRIC_DRIFT_PASS_DURATION, 0, 1000 * (clock_mono_ms() - began_ms));
        log_pass(arn, &report, clock_mono_ms() - began_ms);
    } else if (!must_stop(drift)) {
        log_warn("drift.failed", "cluster=%s error=\"%s\"", arn, err.text);
    }
    return completed;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

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

/* Passes each cluster of the set; a failure of one stops no other. False: some failed. */
static bool pass_all(struct drift *drift, json_t *clusters, int64_t *reads)
{
    bool completed = true;
    const char *arn;
    json_t *is_listed;

    json_object_foreach(clusters, arn, is_listed)
    {
        if (must_stop(drift)) {
            return false;
        }
        completed = pass_cluster(drift, arn, json_is_true(is_listed), reads) && completed;
    }
    return completed;
}

/* Passes may take DRIFT_BUDGET_PERCENT of the read budget on average: the next round waits for it.
 */
static int64_t interval_after(const struct drift *drift, int64_t reads, bool completed)
{
    int64_t interval_ms =
        drift->options.interval_ms ? drift->options.interval_ms : DRIFT_INTERVAL_MS;
    double rate = drift->options.reads_per_s > 0 ? drift->options.reads_per_s : READS_PER_S;
    int64_t afford_ms = (int64_t)((double)reads * 1000 / (rate * DRIFT_BUDGET_PERCENT / 100));

    if (!completed && interval_ms > RETRY_MS) {
        interval_ms = RETRY_MS;
    }
    return interval_ms > afford_ms ? interval_ms : afford_ms;
}

static void run_round(struct drift *drift)
{
    struct error err = {0};
    int64_t began_ms = clock_mono_ms();
    int64_t reads = 1;
    json_auto_t *clusters = all_clusters(drift, &err);
    bool completed = clusters && pass_all(drift, clusters, &reads);

    if (completed) {
        metric_mark(METRIC_DRIFT_ROUND_AGE, 0);
    }
    if (!clusters) {
        log_warn("drift.failed", "error=\"%s\"", err.text);
    }
    drift->next_ms = began_ms + interval_after(drift, reads, completed);
}

/* Runs what is due. Clusters asked for are looked up at ECS, listed or not. */
static void work(struct drift *drift, json_t *requests, bool all)
{
    int64_t reads = 0;

    if (all || clock_mono_ms() >= drift->next_ms) {
        run_round(drift);
    } else if (json_object_size(requests) > 0) {
        (void)pass_all(drift, requests, &reads);
    }
}

/* True when the lease is held and the view loaded; a new tenure begins with a full round and
 * without opinions of the last one. */
static bool may_work(struct drift *drift)
{
    if (!view_ready(drift->options.view) || !lease_held(drift->options.lease, drift->lease_token)) {
        return false;
    }
    int64_t tenure_ms = lease_since_ms(drift->options.lease);

    if (tenure_ms != drift->tenure_ms) {
        forget_all(drift);
        drift->tenure_ms = tenure_ms;
        metric_mark(METRIC_DRIFT_ROUND_AGE, 0);
        drift->next_ms = 0;
    }
    return true;
}

/* Takes what was asked for; what is not yet ripe waits, and so does the caller for a moment. */
static json_t *take_requests(struct drift *drift, bool *all)
{
    json_t *requests = NULL;

    worker_lock(&drift->worker);
    bool asked = drift->requested_all || json_object_size(drift->requests) > 0;

    if (asked && clock_mono_ms() - drift->asked_ms >= REQUEST_GAP_MS) {
        requests = drift->requests;
        *all = drift->requested_all;
        drift->requests = json_object();
        drift->requested_all = false;
    } else {
        (void)worker_wait_until(&drift->worker, clock_mono_ms() + TICK_MS);
    }
    worker_unlock(&drift->worker);
    return requests;
}

static void *run(void *ctx)
{
    struct drift *drift = ctx;

    while (!worker_stopping(&drift->worker)) {
        bool all = false;

        metric_mark(METRIC_LOOP_AGE, LOOP_DRIFT);
        if (!may_work(drift)) {
            (void)worker_sleep(&drift->worker, TICK_MS);
            continue;
        }
        json_auto_t *requests = take_requests(drift, &all);

        work(drift, requests, all);
        if (requests) {
            drift->asked_ms = clock_mono_ms();
        }
    }
    return NULL;
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
    drift->requests = json_object();
    drift->asked_ms = -REQUEST_GAP_MS;
    worker_init(&drift->worker);
    if (worker_start(&drift->worker, run, drift, err) < 0) {
        drift_free(drift);
        return NULL;
    }
    return drift;
}

void drift_free(struct drift *drift)
{
    if (drift) {
        worker_stop(&drift->worker);
        aws_wake(drift->options.aws); /* a call under way is cancelled */
        worker_end(&drift->worker);
        forget_all(drift);
        json_decref(drift->requests);
        free(drift);
    }
}
