/* The consumer: ECS' events from the queue into the store. */
#include "reconcile/consumer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <strings.h>

#include "reconcile/convoy.h"
#include "reconcile/newcomers.h"
#include "reconcile/worker.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define WAIT_S          20    /* of a long poll; a stop ends it */
#define HIDE_S          30    /* what we failed to apply comes again after so long */
#define BACKOFF_MIN_MS  500   /* between attempts while queue or store is away */
#define BACKOFF_MAX_MS  10000 /* doubles up to this */
#define WATCH_MS        30000 /* between two lines of statistics */
#define POISON_LINES    20    /* logged between two of these, the rest is only counted */
#define TROUBLE_LINE_MS 10000 /* all pollers have the same trouble: one line in so long */

/* Of messages. */
enum counter {
    RECEIVED,
    APPLIED,
    STALE,    /* duplicates, and what came late */
    REJECTED, /* can never be applied */
    TOO_OLD,  /* of an unknown entity whose tombstone would have been forgotten by now */
    KEPT,     /* left in the queue: Redis was away, or somebody else kept writing */
    COUNTERS,
};

struct poller {
    struct worker worker;
    struct consumer *consumer;
    int64_t backoff_ms; /* 0 while all is well */
};

/* What becomes of messages which can never be applied. */
enum poison_fate {
    FATE_UNKNOWN, /* the queue was not asked yet; left, so that nothing is thrown away */
    FATE_LEFT,    /* to the queue's dead-letter policy */
    FATE_DROPPED, /* it has none */
};

struct consumer {
    struct sqs_queue *queue;
    struct store *store;
    struct drift *drift; /* or NULL */
    const char *region;
    struct convoy *convoy;
    struct newcomers *newcomers;
    struct worker watcher;
    struct poller *pollers;
    int n_pollers;
    atomic_bool stopping;
    _Atomic enum poison_fate poison_fate;
    atomic_int poison_lines;
    _Atomic int64_t trouble_at_ms;      /* when trouble was last logged */
    _Atomic int64_t counters[COUNTERS]; /* since the last line of statistics */
};

static void count(struct consumer *c, enum counter counter, int64_t n)
{
    atomic_fetch_add(&c->counters[counter], n);
}

/* ---- one batch ------------------------------------------------------------------------------- */

static enum poison_fate ask_poison_fate(struct consumer *c, struct sqs_status *status)
{
    struct error err = {0};

    if (sqs_status(c->queue, status, &err) < 0) {
        log_debug("consumer.status", "text=\"%s\"", err.text); /* pollers say it when it lasts */
    } else {
        metric_set(METRIC_QUEUE_MESSAGES, MESSAGES_VISIBLE, (double)status->waiting);
        metric_set(METRIC_QUEUE_MESSAGES, MESSAGES_IN_FLIGHT, (double)status->hidden);
        c->poison_fate = status->has_dead_letter ? FATE_LEFT : FATE_DROPPED;
    }
    return c->poison_fate;
}

/* Whether poison is to be deleted by us. */
static bool drops_poison(struct consumer *c)
{
    struct sqs_status status;
    enum poison_fate fate = c->poison_fate;

    return (fate == FATE_UNKNOWN ? ask_poison_fate(c, &status) : fate) == FATE_DROPPED;
}

/* Poison is logged once: SQS says how often a message has come. */
static void report_rejected(struct consumer *c, const struct sqs_message *message,
                            const struct ingest_item *item, bool dropped)
{
    if (message->receive_count <= 1 && atomic_fetch_sub(&c->poison_lines, 1) > 0) {
        log_warn("event.rejected", "message=%s fate=%s reason=\"%s\"", message->id,
                 dropped ? "dropped" : "left", item->why.text);
    }
}

/* What comes of a settled message; true when it may be deleted. */
static bool follow_up(struct consumer *c, const struct sqs_message *message,
                      const struct ingest_item *item)
{
    static const struct {
        enum counter counter;
        enum metric metric;
        size_t cell;
    } counted[INGEST_RESULTS] = {
        [INGEST_PENDING] = {KEPT, METRIC_EVENTS_KEPT, 0},
        [INGEST_APPLIED] = {APPLIED, METRIC_EVENTS_APPLIED, 0},
        [INGEST_REPEATED] = {STALE, METRIC_EVENTS_STALE, STALE_REPEATED},
        [INGEST_OVERTAKEN] = {STALE, METRIC_EVENTS_STALE, STALE_OVERTAKEN},
        [INGEST_TOO_OLD] = {TOO_OLD, METRIC_EVENTS_TOO_OLD, 0},
        [INGEST_REJECTED] = {REJECTED, METRIC_EVENTS_REJECTED, 0},
    };
    bool dropped;

    count(c, counted[item->result].counter, 1);
    metric_add(counted[item->result].metric,
               item->result == INGEST_REJECTED ? item->flaw : counted[item->result].cell, 1);
    switch (item->result) {
    case INGEST_APPLIED:
        if (message->sent_at_ms > 0) {
            metric_observe_us(METRIC_EVENT_LAG, 0, 1000 * (clock_wall_ms() - message->sent_at_ms));
        }
        if (c->drift) {
            drift_hear(c->drift, item->event->cluster);
        }
        if (item->first_seen) {
            newcomers_add(c->newcomers, item->event->cluster, item->event->key);
        }
        return true;
    case INGEST_TOO_OLD:
        if (c->drift) {
            drift_request(c->drift, item->event->cluster);
        }
        return true;
    case INGEST_REJECTED:
        dropped = drops_poison(c);
        report_rejected(c, message, item, dropped);
        return dropped;
    case INGEST_PENDING:
        return false;
    default:
        return true;
    }
}

/* Deletes the settled messages; those which cannot be deleted come again, and are stale then. */
static int delete_settled(struct consumer *c, const struct sqs_batch *batch,
                          const struct ingest_item *items, struct error *err)
{
    const char *receipts[SQS_BATCH_MAX];
    size_t n = 0;

    for (size_t i = 0; i < batch->n; i++) {
        if (follow_up(c, &batch->messages[i], &items[i])) {
            receipts[n++] = batch->messages[i].receipt;
        }
    }
    if (n > 0 && sqs_delete_batch(c->queue, receipts, n, err) < 0) {
        return -1;
    }
    return 0;
}

/* Applied and hopeless events are deleted; what the store did not take stays and comes again. */
static int consume(struct consumer *c, const struct sqs_batch *batch, struct error *err)
{
    struct ingest_item items[SQS_BATCH_MAX] = {0};
    const struct event_home home = {c->region, sqs_own_account(c->queue)};
    struct error why = {0};

    count(c, RECEIVED, (int64_t)batch->n);
    metric_add(METRIC_EVENTS_RECEIVED, 0, batch->n);
    for (size_t i = 0; i < batch->n; i++) {
        items[i].body = batch->messages[i].body;
        items[i].home = &home;
    }
    int outcome = convoy_ingest(c->convoy, items, batch->n, err);

    if (delete_settled(c, batch, items, &why) < 0) {
        outcome = error_set(err, why.code, "%s", why.text);
    }
    for (size_t i = 0; i < batch->n; i++) {
        ingest_item_clear(&items[i]);
    }
    return outcome;
}

/* ---- threads --------------------------------------------------------------------------------- */

static void report_trouble(struct consumer *c, const struct error *why)
{
    int64_t now_ms = clock_mono_ms();
    int64_t last_ms = atomic_load(&c->trouble_at_ms);

    if (now_ms - last_ms >= TROUBLE_LINE_MS &&
        atomic_compare_exchange_strong(&c->trouble_at_ms, &last_ms, now_ms)) {
        log_warn("consumer.trouble", "text=\"%s\"", why->text);
    }
}

static void back_off(struct poller *poller, const struct error *why)
{
    int64_t twice = poller->backoff_ms * 2;

    if (poller->consumer->stopping) {
        return;
    }
    poller->backoff_ms = twice < BACKOFF_MIN_MS   ? BACKOFF_MIN_MS
                         : twice > BACKOFF_MAX_MS ? BACKOFF_MAX_MS
                                                  : twice;
    report_trouble(poller->consumer, why);
    (void)worker_sleep(&poller->worker, poller->backoff_ms);
}

/* While the store is away or takes nothing, nothing is received: each receive counts, and after a
 * few of them SQS would take good events for poison. */
static int poll_once(struct poller *poller, struct error *err)
{
    struct consumer *c = poller->consumer;
    AUTO(sqs_batch) *batch = NULL;

    if ((poller->backoff_ms > 0 && store_check_writable(c->store, err) < 0) ||
        sqs_receive(c->queue, WAIT_S, HIDE_S, &batch, err) < 0) {
        return -1;
    }
    return batch->n > 0 ? consume(c, batch, err) : 0;
}

static void *poll_queue(void *ctx)
{
    struct poller *poller = ctx;

    while (!poller->consumer->stopping) {
        struct error err = {0};

        metric_mark(METRIC_LOOP_AGE, LOOP_CONSUMER);
        if (poll_once(poller, &err) < 0) {
            back_off(poller, &err);
        } else {
            poller->backoff_ms = 0;
        }
    }
    return NULL;
}

/* A line when something happened since the last one. */
static void report_progress(struct consumer *c, const struct sqs_status *status)
{
    long long counts[COUNTERS];

    for (size_t i = 0; i < COUNTERS; i++) {
        counts[i] = atomic_exchange(&c->counters[i], 0);
    }
    if (counts[RECEIVED] == 0 && status->waiting == 0) {
        return;
    }
    log_info("consumer.progress",
             "received=%lld applied=%lld stale=%lld rejected=%lld too_old=%lld kept=%lld "
             "waiting=%lld hidden=%lld",
             counts[RECEIVED], counts[APPLIED], counts[STALE], counts[REJECTED], counts[TOO_OLD],
             counts[KEPT], (long long)status->waiting, (long long)status->hidden);
}

static void *watch_queue(void *ctx)
{
    struct consumer *c = ctx;

    for (;;) {
        struct sqs_status status = {0};

        (void)ask_poison_fate(c, &status); /* somebody may have changed it */
        report_progress(c, &status);
        if (!worker_sleep(&c->watcher, WATCH_MS)) {
            return NULL;
        }
        c->poison_lines = POISON_LINES; /* not before: pollers may have logged some already */
    }
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static int start_threads(struct consumer *c, struct error *err)
{
    if (worker_start(&c->watcher, watch_queue, c, err) < 0) {
        return -1;
    }
    for (int p = 0; p < c->n_pollers; p++) {
        if (worker_start(&c->pollers[p].worker, poll_queue, &c->pollers[p], err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* v0.3.0's spelling named the service. */
static const char *queue_name(const char *queue)
{
    return strncasecmp(queue, "sqs://", 6) == 0 ? queue + 6 : queue;
}

int consumer_check_queue(const char *queue, struct error *err)
{
    return sqs_check_name(queue_name(queue), err);
}

struct consumer *consumer_open(const struct consumer_options *options, struct error *err)
{
    AUTO(consumer) *c = xcalloc(1, sizeof(*c));

    c->store = options->store;
    c->drift = options->drift;
    c->convoy = convoy_new(options->store);
    c->region = aws_region(options->aws);
    c->poison_lines = POISON_LINES;
    c->trouble_at_ms = -TROUBLE_LINE_MS;
    c->n_pollers = options->pollers ? options->pollers : CONSUMER_POLLERS;
    c->pollers = xcalloc((size_t)c->n_pollers, sizeof(c->pollers[0]));
    worker_init(&c->watcher);
    for (int p = 0; p < c->n_pollers; p++) {
        worker_init(&c->pollers[p].worker);
        c->pollers[p].consumer = c;
    }
    c->queue = sqs_open(options->aws, queue_name(options->queue), err);
    c->newcomers = newcomers_open(options->aws, options->store, err);
    if (!c->queue || !c->newcomers || start_threads(c, err) < 0) {
        return NULL;
    }
    return TAKE(c);
}

void consumer_free(struct consumer *consumer)
{
    if (!consumer) {
        return;
    }
    consumer->stopping = true;
    if (consumer->queue) {
        sqs_stop_receiving(consumer->queue);
    }
    for (int p = 0; p < consumer->n_pollers; p++) {
        worker_end(&consumer->pollers[p].worker);
    }
    worker_end(&consumer->watcher);
    convoy_free(consumer->convoy);
    newcomers_free(consumer->newcomers);
    sqs_queue_free(consumer->queue);
    free(consumer->pollers);
    free(consumer);
}
