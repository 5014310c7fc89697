/* The reconciler: events into the store, drift repaired, daemons placed. */
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aws/aws.h"
#include "cmd/rows.h"
#include "http/url.h"
#include "net/monitor.h"
#include "reconcile/board.h"
#include "reconcile/consumer.h"
#include "reconcile/drift.h"
#include "reconcile/scheduler.h"
#include "reconcile/upkeep.h"
#include "store/lease.h"
#include "store/store.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"
#include "util/signals.h"
#include "view/view.h"

#define REDIS_RETRY_MS 1000 /* while Redis does not answer at start */
#define METRICS_LISTEN "127.0.0.1:9465"
#define DAY_MS         (24 * 3600 * 1000)

struct settings {
    char *redis_url;
    char *redis_ca_file;
    int64_t redis_timeout_ms;
    int64_t redis_replicas;
    int64_t log_entries;
    int64_t log_age_ms;
    char *queue;
    int64_t pollers;
    int64_t drift_interval_ms;
    int64_t settle_after_ms;
    char *region;
    char *profile;
    char *endpoint;
    char *endpoint_ecs;
    char *endpoint_sqs;
    int64_t connections;
    int64_t reads_per_s;
    int64_t reads_burst;
    int64_t writes_per_s;
    int64_t writes_burst;
    char *metrics_listen;
};

#define AT(member) offsetof(struct settings, member)

static const struct option_spec options[] = {
    ROWS_OF_REDIS,
    {"redis-timeout", OPTION_INT, NULL, "MS", "2000", 100, 60000,
     "How long one command may take, in milliseconds.", AT(redis_timeout_ms)},
    {"redis-replicas", OPTION_INT, NULL, "N", "0", 0, 10,
     "How many replicas must have a placement before ECS is called.", AT(redis_replicas)},
    {"log-entries", OPTION_INT, NULL, "N", "50000", 1000, 10000000,
     "How many changes the log in Redis keeps.", AT(log_entries)},
    {"log-age", OPTION_DURATION, NULL, "TIME", "24h", 60000, 30LL * DAY_MS,
     "How long it keeps them.", AT(log_age_ms)},
    {"queue", OPTION_TEXT, NULL, "NAME", NULL, 0, 0,
     "The SQS queue with the events of ECS, by name or URL. Required.", AT(queue)},
    {"pollers", OPTION_INT, NULL, "N", "24", 1, CONSUMER_POLLERS_MAX,
     "How many receives from the queue are made at once.", AT(pollers)},
    {"drift-interval", OPTION_DURATION, NULL, "TIME", "5m", 1000, DAY_MS,
     "How often everything is compared with what ECS says.", AT(drift_interval_ms)},
    {"settle-after", OPTION_DURATION, NULL, "TIME", "60s", 1, DAY_MS,
     "How long after a call whose answer was lost ECS' listings are believed.",
     AT(settle_after_ms)},
    ROWS_OF_AWS,
    {"aws-endpoint-sqs", OPTION_TEXT, "AWS_ENDPOINT_URL_SQS", "URL", NULL, 0, 0,
     "The same for SQS alone.", AT(endpoint_sqs)},
    {"aws-connections", OPTION_INT, NULL, "N", "128", 8, 1024,
     "How many calls to AWS are made at once, beside the pollers.", AT(connections)},
    {"aws-reads-per-second", OPTION_INT, NULL, "N", "20", 1, 10000,
     "How many List and Describe calls to ECS are made in a second, when it lasts.",
     AT(reads_per_s)},
    {"aws-reads-burst", OPTION_INT, NULL, "N", "100", 1, 10000,
     "How many of them are made at once after a rest.", AT(reads_burst)},
    {"aws-writes-per-second", OPTION_INT, NULL, "N", "40", 1, 10000,
     "How many StartTask and StopTask calls to ECS are made in a second, when it lasts.",
     AT(writes_per_s)},
    {"aws-writes-burst", OPTION_INT, NULL, "N", "100", 1, 10000,
     "How many of them are made at once after a rest.", AT(writes_burst)},
    ROW_OF_METRICS(METRICS_LISTEN),
    LOG_OPTIONS,
};

static const struct program_spec program = {
    .name = "blox-reconciler",
    .summary = "keeps Blox' copy of ECS up to date and a task on every container instance",
    .options = options,
    .n_options = ARRAY_LEN(options),
};

/* ---- settings -------------------------------------------------------------------------------- */

static bool has_host(const struct url *url, const char *name)
{
    return url->host_len == strlen(name) && strncmp(url->host, name, url->host_len) == 0;
}

/* Where the simulator is, and not AWS. */
static bool is_loopback(const char *text)
{
    struct url url;

    return text && url_parse(text, &url) &&
           (strncmp(url.host, "127.", 4) == 0 || has_host(&url, "localhost") ||
            has_host(&url, "[::1]"));
}

static int check(const struct settings *settings, struct error *err)
{
    const char *ecs = settings->endpoint_ecs ? settings->endpoint_ecs : settings->endpoint;

    if (!settings->queue) {
        return error_set(
            err, ERR_INVALID,
            "--queue (or BLOX_QUEUE) is missing: the SQS queue with the events of ECS");
    }
    if (settings->settle_after_ms < SETTLE_AFTER_MIN_MS && !is_loopback(ecs)) {
        return error_set(err, ERR_INVALID,
                         "--settle-after: want %ds or more, ECS' listings lag; less is for a "
                         "simulator on this machine",
                         SETTLE_AFTER_MIN_MS / 1000);
    }
    return consumer_check_queue(settings->queue, err);
}

/* ---- the parts ------------------------------------------------------------------------------- */

struct parts {
    struct monitor *monitor;
    struct store *store;
    struct aws *aws;
    struct board *board;
    struct view *view;
    struct lease *lease;
    struct drift *drift;
    struct upkeep *upkeep;
    struct consumer *consumer;
    struct scheduler *scheduler;
};

/* In the order in which nobody misses what it needs; the lease goes last of those who use it, and
 * at once to another. */
static void close_parts(struct parts *parts)
{
    scheduler_free(parts->scheduler);
    consumer_free(parts->consumer);
    upkeep_free(parts->upkeep);
    drift_free(parts->drift);
    lease_free(parts->lease);
    view_free(parts->view);
    board_free(parts->board);
    aws_free(parts->aws);
    store_free(parts->store);
    monitor_free(parts->monitor);
}

/* ---- how we are ------------------------------------------------------------------------------ */

static void check_live(void *ctx, struct health *health)
{
    (void)ctx;
    health_add(health, "program", HEALTH_OK, "runs");
    health_add_loops(health, "", metrics_own_slot());
}

static void check_ready(void *ctx, struct health *health)
{
    double held = 0;

    (void)ctx;
    health_add_view(health, "", metrics_own_slot());
    (void)metric_get(metrics_own_slot(), METRIC_LEASE_HELD, 0, &held);
    health_add(health, "lease", HEALTH_OK, "%s",
               held > 0 ? "is ours" : "is another's, if anybody's");
}

static int open_monitor(const struct settings *settings, struct parts *parts, struct error *err)
{
    const struct monitor_options monitor = {
        .address = settings->metrics_listen,
        .standard = METRICS_LISTEN,
        .mode = SERVER_THREAD,
        .live = check_live,
        .ready = check_ready,
    };
    char warning[256];

    if (metrics_open(METRICS_OF_RECONCILER, 0, err) < 0 ||
        monitor_open(&monitor, &parts->monitor, warning, err) < 0) {
        return -1;
    }
    if (warning[0]) {
        log_warn("metrics.off", "text=\"%s\"", warning);
    }
    if (parts->monitor) {
        log_info("metrics.ready", "port=%d", server_port(monitor_server(parts->monitor)));
    }
    metric_set(METRIC_LEASE_HELD, 0, 0);
    return 0;
}

static int open_edges(const struct settings *settings, struct parts *parts, struct error *err)
{
    const struct store_options store = {
        .url = settings->redis_url,
        .ca_file = settings->redis_ca_file,
        .timeout_ms = (int)settings->redis_timeout_ms,
        .replicas = (int)settings->redis_replicas,
        .client = program.name,
        .log_count_max = settings->log_entries,
    };
    const struct aws_options aws = {
        .region = settings->region,
        .endpoint = settings->endpoint,
        .endpoint_ecs = settings->endpoint_ecs,
        .endpoint_sqs = settings->endpoint_sqs,
        .profile = settings->profile,
        .user_agent = "blox-reconciler/" PACKAGE_VERSION,
        .reads = {.burst = (double)settings->reads_burst, .rate = (double)settings->reads_per_s},
        .writes = {.burst = (double)settings->writes_burst, .rate = (double)settings->writes_per_s},
        .connections_max = (int)(settings->connections + settings->pollers),
    };

    parts->store = store_open(&store, err);
    parts->aws = parts->store ? aws_open(&aws, err) : NULL;
    return parts->aws ? 0 : -1;
}

/* Waits for Redis as long as it takes. 1: a stop was asked for meanwhile. */
static int wait_for_redis(struct store *store, struct error *err)
{
    char warning[256] = "";
    struct log_repeat told = {0};

    while (store_check(store, warning, err) < 0) {
        if (err->code == ERR_INVALID) {
            return -1;
        }
        if (log_is_due(&told, err->text, clock_mono_ms())) {
            log_warn("reconciler.waiting-for-redis", "text=\"%s\"", err->text);
        }
        error_clear(err);
        if (signals_wait_stop(REDIS_RETRY_MS)) {
            return 1;
        }
    }
    if (warning[0]) {
        log_warn("reconciler.redis", "text=\"%s\"", warning);
    }
    return 0;
}

static void on_lease(void *ctx, bool held)
{
    struct board *board = ctx;

    metric_set(METRIC_LEASE_HELD, 0, held);
    metric_add(METRIC_LEASE_CHANGES, held ? CHANGE_TAKEN : CHANGE_LOST, 1);
    log_info(held ? "lease.taken" : "lease.lost", "%s", "");
    board_lock(board);
    board_wake(board);
    board_unlock(board);
}

static int open_view(struct parts *parts, struct error *err)
{
    parts->board = board_new();
    parts->view = view_open(
        parts->store,
        &(struct view_options){.without_bodies = true, .listener = &parts->board->listener}, err);
    if (!parts->view) {
        return -1;
    }
    board_watch(parts->board, parts->view);
    return 0;
}

static int open_workers(const struct settings *settings, struct parts *parts, struct error *err)
{
    const struct drift_options drift = {
        .aws = parts->aws,
        .store = parts->store,
        .view = parts->view,
        .lease = parts->lease,
        .interval_ms = settings->drift_interval_ms,
        .reads_per_s = (double)settings->reads_per_s,
    };
    const struct upkeep_options upkeep = {
        .store = parts->store,
        .view = parts->view,
        .lease = parts->lease,
        .log_age_ms = settings->log_age_ms,
    };

    parts->drift = drift_open(&drift, err);
    parts->upkeep = parts->drift ? upkeep_open(&upkeep, err) : NULL;
    if (!parts->upkeep) {
        return -1;
    }
    const struct consumer_options consumer = {
        .aws = parts->aws,
        .queue = settings->queue,
        .store = parts->store,
        .drift = parts->drift,
        .pollers = (int)settings->pollers,
    };
    const struct scheduler_options scheduler = {
        .aws = parts->aws,
        .store = parts->store,
        .view = parts->view,
        .board = parts->board,
        .lease = parts->lease,
        .drift = parts->drift,
        .settle_after_ms = settings->settle_after_ms,
    };

    parts->consumer = consumer_open(&consumer, err);
    parts->scheduler = parts->consumer ? scheduler_open(&scheduler, err) : NULL;
    return parts->scheduler ? 0 : -1;
}

static int open_parts(const struct settings *settings, struct parts *parts, struct error *err)
{
    char owner[HOST_NAME_MAX + 32] = "";
    size_t len;

    gethostname(owner, HOST_NAME_MAX);
    len = strlen(owner);
    snprintf(owner + len, sizeof(owner) - len, " pid %ld", (long)getpid());
    if (open_view(parts, err) < 0) {
        return -1;
    }
    parts->lease = lease_open(parts->store, owner, on_lease, parts->board, err);
    return parts->lease ? open_workers(settings, parts, err) : -1;
}

static int run(void *ctx, struct error *err)
{
    const struct settings *settings = ctx;
    struct parts parts = {0};
    int status = -1;

    if (check(settings, err) == 0 && signals_catch(err) == 0 &&
        open_monitor(settings, &parts, err) == 0 && open_edges(settings, &parts, err) == 0) {
        status = wait_for_redis(parts.store, err);
    }
    if (status == 0) {
        status = open_parts(settings, &parts, err);
    }
    if (status == 0) {
        log_info("reconciler.running", "queue=%s", settings->queue);
        signals_wait_stop(-1);
        log_info("reconciler.stopping", "%s", "");
    }
    close_parts(&parts);
    metrics_close();
    return status < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct settings settings = {0};

    return program_main(&program, argc, argv, &settings, run);
}
