/*
 * Counting what a program does, for Prometheus. All values live in one mapping which a supervisor
 * shares with its workers: a slot of its own for each, so that nobody waits for anybody, and a
 * worker which comes after another goes on counting where that one stopped.
 *
 * The metrics are the table in metrics_table.c, and nowhere else. Counting costs an addition to a
 * word in that mapping; before metrics_open it costs nothing and does nothing.
 */
#ifndef BLOX_UTIL_METRICS_H
#define BLOX_UTIL_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/strbuf.h"

enum metric {
    METRIC_BUILD_INFO,
    METRIC_PROCESS_START_TIME,
    METRIC_LOG_LINES,
    METRIC_LOOP_AGE,

    METRIC_WORKER_UP,
    METRIC_WORKER_RESTARTS,
    METRIC_HTTP_REQUESTS,
    METRIC_HTTP_REQUEST_DURATION,
    METRIC_HTTP_REQUESTS_IN_PROGRESS,
    METRIC_REQUESTS_REFUSED,
    METRIC_KEYS_VALID,
    METRIC_STREAMS,
    METRIC_STREAM_LINES,
    METRIC_STREAM_PAGES,
    METRIC_STREAM_ENDS,

    METRIC_VIEW_REVISION,
    METRIC_VIEW_AGE,
    METRIC_VIEW_OBJECTS,
    METRIC_VIEW_LOADS,
    METRIC_VIEW_CHANGES,
    METRIC_VIEW_DAMAGED,

    METRIC_REDIS_CALLS,
    METRIC_REDIS_CALL_DURATION,
    METRIC_REDIS_ERRORS,
    METRIC_REDIS_CONNECTS,

    METRIC_AWS_CALLS,
    METRIC_AWS_CALL_DURATION,
    METRIC_AWS_THROTTLES,
    METRIC_AWS_CALLS_WAITING,
    METRIC_GOVERNOR_TOKENS,
    METRIC_GOVERNOR_RATE,

    METRIC_QUEUE_MESSAGES,
    METRIC_EVENTS_RECEIVED,
    METRIC_EVENTS_APPLIED,
    METRIC_EVENTS_STALE,
    METRIC_EVENTS_TOO_OLD,
    METRIC_EVENTS_REJECTED,
    METRIC_EVENTS_KEPT,
    METRIC_EVENT_LAG,

    METRIC_DRIFT_PASSES,
    METRIC_DRIFT_PASS_DURATION,
    METRIC_DRIFT_ROUND_AGE,
    METRIC_DRIFT_REPAIRS,
    METRIC_DRIFT_FILLED,
    METRIC_DRIFT_HELD,
    METRIC_DRIFT_SKIPPED,
    METRIC_DRIFT_REQUESTS,

    METRIC_LEASE_HELD,
    METRIC_LEASE_CHANGES,
    METRIC_SCHEDULER_DECISIONS,
    METRIC_SCHEDULER_ROUND_DURATION,
    METRIC_SCHEDULER_STARTS,
    METRIC_SCHEDULER_STOPS,
    METRIC_SCHEDULER_SETTLED,
    METRIC_SCHEDULER_FAILURES,
    METRIC_SCHEDULER_STRAYS,
    METRIC_SCHEDULER_UNDER_WAY,

    METRICS_COUNT
};

/* ---- label values, in the order of the table ------------------------------------------------ */

enum metric_loop {
    LOOP_FOLLOWER,
    LOOP_AWS,
    LOOP_LEASE,
    LOOP_SCHEDULER,
    LOOP_DRIFT,
    LOOP_CONSUMER,
    LOOP_STREAMS,
};
enum metric_result { RESULT_OK, RESULT_FAILED, RESULT_REFUSED, RESULT_IN_DOUBT };
enum metric_bucket { BUCKET_READS, BUCKET_WRITES };
enum metric_message_state { MESSAGES_VISIBLE, MESSAGES_IN_FLIGHT };
enum metric_staleness { STALE_REPEATED, STALE_OVERTAKEN };
enum metric_repair { REPAIR_MISSED, REPAIR_OUTDATED, REPAIR_CHANGED, REPAIR_DELETED };
enum metric_change { CHANGE_TAKEN, CHANGE_LOST };
enum metric_settlement { SETTLED_FOUND, SETTLED_LOST, SETTLED_FAILED };

/* ---- counting -------------------------------------------------------------------------------- */

/* A cell is one combination of label values: 0 for a metric without labels, the value's index for
 * one label, metric_cell for two. */

void metric_add(enum metric metric, size_t cell, uint64_t n);       /* a counter */
void metric_level(enum metric metric, size_t cell, int64_t change); /* how many there are now */
void metric_set(enum metric metric, size_t cell, double value);     /* a gauge */
void metric_mark(enum metric metric, size_t cell); /* an age: begins anew, as of now */
void metric_observe_us(enum metric metric, size_t cell, int64_t us); /* a histogram of times */

size_t metric_cell(enum metric metric, size_t first, size_t second);
/* The index of a label's value; that of "other", the last, for one that is not in the table. */
size_t metric_value_of(enum metric metric, size_t label, const char *value);

/* ---- setting up ------------------------------------------------------------------------------ */

enum metrics_program { METRICS_OF_API = 1, METRICS_OF_RECONCILER = 2 };

/* The label values of METRIC_HTTP_*, ready-made (`method="GET",route="/v1/ping"`), kept. Before
 * metrics_open. */
void metrics_set_routes(const char *const *routes, size_t n);
/*
 * Makes the mapping: a slot for this process, and one for each worker it will fork. Errors:
 * ERR_INTERNAL.
 */
int metrics_open(enum metrics_program program, size_t n_workers, struct error *err) MUST_CHECK;
void metrics_close(void);
/* In a worker, before its threads: counts into slot 1 + worker from now on. */
void metrics_become_worker(size_t worker);
/* What a worker which is gone said of itself is no longer true; its counters are. */
void metrics_forget_worker(size_t worker);

/* ---- reading --------------------------------------------------------------------------------- */

/* Slot 0 is the program's first process, 1 + w its worker w. */
size_t metrics_n_slots(void);
size_t metrics_own_slot(void);
/* What a slot says: a gauge's value, an age in seconds; false when it says nothing. */
bool metric_get(size_t slot, enum metric metric, size_t cell, double *out);
/* How many values the labels of a metric have together. */
size_t metric_cells(enum metric metric);

/* Appends `name="value"`, escaped, with a comma before it when out has something already. */
void metrics_add_label(struct strbuf *out, const char *name, const char *value);
/* All of the program's metrics in Prometheus' text format 0.0.4. */
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
void metrics_write(struct strbuf *out);

#endif
