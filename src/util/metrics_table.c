/* Every metric there is. docs/operations/metrics.md explains them to people. */
#include "util/metrics_table.h"

#include "util/attr.h"

/* Upper bounds in microseconds. */
static const int64_t fast[] = {50,    100,    250,    500,     1000,    2500,     5000, 10000,
                               25000, 100000, 500000, 1000000, 2500000, 10000000, 0};
static const int64_t medium[] = {500,    1000,   2500,   5000,    10000,   25000,    50000,
                                 100000, 250000, 500000, 1000000, 2500000, 10000000, 0};
static const int64_t slow[] = {10000,    50000,    100000,   500000,    1000000,   5000000,
                               10000000, 30000000, 60000000, 300000000, 900000000, 0};

/* ---- labels: where values come from outside, the last one takes what the list lacks --------- */

#define LABEL(id, label, ...)                                                                      \
    static const char *const id##_values[] = {__VA_ARGS__};                                        \
    static struct metric_label id = {label, id##_values, ARRAY_LEN(id##_values)}

LABEL(build, "version", PACKAGE_VERSION);
LABEL(level, "level", "debug", "info", "warn", "error");
LABEL(loop, "loop", "follower", "aws", "lease", "scheduler", "drift", "consumer", "streams");
LABEL(status, "code", "200", "202", "301", "304", "400", "403", "404", "405", "409", "412", "413",
      "422", "429", "500", "501", "502", "503", "504", "other");
LABEL(refusal, "reason", "unsigned", "doubled", "timestamp", "key", "signature", "speaks_for",
      "no_caller", "caller", "role", "request_id", "replayed");
LABEL(streamed, "kind", "task", "instance");
LABEL(stream_end, "reason", "hang_up", "idle", "stopping", "behind", "slow", "revoked");
LABEL(kind, "kind", "task", "instance", "cluster", "environment", "deployment", "placement",
      "reconcile");
LABEL(command, "command", "AUTH", "CLIENT", "EVALSHA", "GET", "HGET", "HGETALL", "HMGET", "HSCAN",
      "INFO", "SCRIPT", "SELECT", "SENTINEL", "SET", "TIME", "WAIT", "WAITAOF", "XRANGE", "XREAD",
      "XREVRANGE", "XTRIM", "other");
LABEL(error, "error", "denied", "invalid", "protocol", "unavailable", "other");
LABEL(outcome, "result", "ok", "failed");
LABEL(api, "api", "StartTask", "StopTask", "ListClusters", "ListContainerInstances", "ListTasks",
      "DescribeClusters", "DescribeContainerInstances", "DescribeTasks", "DescribeTaskDefinition",
      "GetQueueUrl", "GetQueueAttributes", "ReceiveMessage", "DeleteMessageBatch", "other");
LABEL(aws_code, "code", "ok", "no_answer", "none", "AccessDeniedException",
      "AWS.SimpleQueueService.NonExistentQueue", "ClientException", "ClusterNotFoundException",
      "ExpiredTokenException", "InvalidParameterException", "InvalidSignatureException",
      "QueueDoesNotExist", "RequestExpired", "ServerException", "ThrottlingException",
      "UnrecognizedClientException", "other");
LABEL(bucket, "bucket", "reads", "writes");
LABEL(message_state, "state", "visible", "in_flight");
LABEL(flaw, "reason", "not_json", "unrecognized", "malformed", "incomplete", "foreign");
LABEL(staleness, "reason", "repeated", "overtaken");
LABEL(repair, "kind", "missed", "outdated", "changed", "deleted");
LABEL(change, "change", "taken", "lost");
LABEL(act, "act", "wait", "start", "stop", "replace", "adopt", "settle", "note", "end");
LABEL(call_result, "result", "ok", "failed", "refused", "in_doubt");
LABEL(settlement, "result", "found", "lost", "failed");
LABEL(failure, "reason", "AGENT", "ATTRIBUTE", "CRASHED", "INACTIVE", "LOCATION", "MISSING",
      "RESOURCE:CPU", "RESOURCE:ENI", "RESOURCE:GPU", "RESOURCE:MEMORY", "RESOURCE:PORTS",
      "START-LOST", "UNAVAILABLE", "UNKNOWN", "AccessDeniedException", "ClientException",
      "InvalidParameterException", "other");
struct metric_label metrics_routes;

/* ---- the table ------------------------------------------------------------------------------ */

#define API        METRICS_OF_API
#define RECONCILER METRICS_OF_RECONCILER
#define BOTH       (METRICS_OF_API | METRICS_OF_RECONCILER)

const struct metric_spec metrics_table[METRICS_COUNT] = {
    [METRIC_BUILD_INFO] = {"blox_build_info", METRIC_GAUGE, BOTH, .labels = {&build},
                           .help = "Always 1; the label tells what runs."},
    [METRIC_PROCESS_START_TIME] = {"process_start_time_seconds", METRIC_GAUGE, BOTH,
                                   .help = "When the program started, in seconds since the epoch."},
    [METRIC_LOG_LINES] = {"blox_log_lines_total", METRIC_COUNTER, BOTH, .labels = {&level},
                          .help = "Lines written to the log."},
    [METRIC_LOOP_AGE] = {"blox_loop_age_seconds", METRIC_AGE, BOTH, .labels = {&loop},
                         .help = "Time since each of the program's loops last turned."},

    [METRIC_WORKER_UP] = {"blox_worker_up", METRIC_GAUGE, API,
                          .help = "1 while the worker runs, 0 while it is about to be restarted."},
    [METRIC_WORKER_RESTARTS] = {"blox_worker_restarts_total", METRIC_COUNTER, API,
                                .help = "Workers which ended by themselves and were replaced."},
    [METRIC_HTTP_REQUESTS] = {"blox_http_requests_total", METRIC_COUNTER, API, .sparse = true,
                              .labels = {&metrics_routes, &status},
                              .help = "Requests answered by the workers."},
    [METRIC_HTTP_REQUEST_DURATION] = {"blox_http_request_duration_seconds", METRIC_HISTOGRAM, API,
                                      .sparse = true, .labels = {&metrics_routes},
                                      .buckets_us = fast,
                                      .help = "Time in the worker, without the writing of the "
                                              "answer."},
    [METRIC_HTTP_REQUESTS_IN_PROGRESS] = {"blox_http_requests_in_progress", METRIC_LEVEL, API,
                                          .help = "Requests which threads work on now."},
    [METRIC_REQUESTS_REFUSED] = {"blox_requests_refused_total", METRIC_COUNTER, API,
                                 .labels = {&refusal},
                                 .help = "Requests refused because of who sent them, or twice."},
    [METRIC_KEYS_VALID] = {"blox_keys_valid", METRIC_GAUGE, API,
                           .help = "1 when the keys of those who may sign requests are as their "
                                   "file says, 0 while it cannot be used; absent without keys."},
    [METRIC_STREAMS] = {"blox_streams", METRIC_LEVEL, API, .labels = {&streamed},
                        .help = "Streams which are open."},
    [METRIC_STREAM_LINES] = {"blox_stream_lines_total", METRIC_COUNTER, API,
                             .help = "Lines sent on streams."},
    [METRIC_STREAM_PAGES] = {"blox_stream_pages_total", METRIC_COUNTER, API,
                             .help = "Pages of the log asked for streams that were behind."},
    [METRIC_STREAM_ENDS] = {"blox_stream_ends_total", METRIC_COUNTER, API, .labels = {&stream_end},
                            .help = "Streams which ended."},

    [METRIC_VIEW_REVISION] = {"blox_view_revision", METRIC_GAUGE, BOTH,
                              .help = "The store's revision which the in-memory view has reached."},
    [METRIC_VIEW_AGE] = {"blox_view_age_seconds", METRIC_AGE, BOTH,
                         .help = "Time since the view last heard from Redis."},
    [METRIC_VIEW_OBJECTS] = {"blox_view_objects", METRIC_GAUGE, BOTH, .labels = {&kind},
                             .help = "Objects in the view."},
    [METRIC_VIEW_LOADS] = {"blox_view_loads_total", METRIC_COUNTER, BOTH,
                           .help = "Times the view was loaded from the start."},
    [METRIC_VIEW_CHANGES] = {"blox_view_changes_total", METRIC_COUNTER, BOTH,
                             .help = "Changes which the view took from the store's log."},
    [METRIC_VIEW_DAMAGED] = {"blox_view_damaged_total", METRIC_COUNTER, BOTH, .labels = {&kind},
                             .help = "Records in the store which cannot be shown, met by the "
                                     "view."},

    [METRIC_REDIS_CALLS] = {"blox_redis_calls_total", METRIC_COUNTER, BOTH, .sparse = true,
                            .labels = {&command}, .help = "Commands sent to Redis."},
    [METRIC_REDIS_CALL_DURATION] = {"blox_redis_call_duration_seconds", METRIC_HISTOGRAM, BOTH,
                                    .sparse = true, .labels = {&command}, .buckets_us = fast,
                                    .help = "Time until Redis answered; without XREAD, which waits "
                                            "for changes."},
    [METRIC_REDIS_ERRORS] = {"blox_redis_errors_total", METRIC_COUNTER, BOTH, .labels = {&error},
                             .help = "Commands which Redis refused or did not answer."},
    [METRIC_REDIS_CONNECTS] = {"blox_redis_connects_total", METRIC_COUNTER, BOTH,
                               .labels = {&outcome},
                               .help = "Connections to Redis which were opened, or tried."},

    [METRIC_AWS_CALLS] = {"blox_aws_calls_total", METRIC_COUNTER, BOTH, .sparse = true,
                          .labels = {&api, &aws_code},
                          .help = "Calls sent to ECS and SQS, each attempt counted."},
    [METRIC_AWS_CALL_DURATION] = {"blox_aws_call_duration_seconds", METRIC_HISTOGRAM, BOTH,
                                  .sparse = true, .labels = {&api}, .buckets_us = medium,
                                  .help = "Time until AWS answered an attempt; of ReceiveMessage, "
                                          "its wait for messages included."},
    [METRIC_AWS_THROTTLES] = {"blox_aws_throttles_total", METRIC_COUNTER, BOTH, .labels = {&bucket},
                              .help = "Calls which ECS throttled."},
    [METRIC_AWS_CALLS_WAITING] = {"blox_aws_calls_waiting", METRIC_GAUGE, BOTH, .labels = {&bucket},
                                  .help = "Calls to ECS which wait for their turn."},
    [METRIC_GOVERNOR_TOKENS] = {"blox_governor_tokens", METRIC_GAUGE, BOTH, .labels = {&bucket},
                                .help = "Calls to ECS which could be made at once."},
    [METRIC_GOVERNOR_RATE] = {"blox_governor_tokens_per_second", METRIC_GAUGE, BOTH,
                              .labels = {&bucket},
                              .help = "The rate of calls to ECS allowed now; less after "
                                      "throttling."},

    [METRIC_QUEUE_MESSAGES] = {"blox_queue_messages", METRIC_GAUGE, RECONCILER,
                               .labels = {&message_state},
                               .help = "About how many messages the queue has, as SQS says."},
    [METRIC_EVENTS_RECEIVED] = {"blox_events_received_total", METRIC_COUNTER, RECONCILER,
                                .help = "Messages taken from the queue."},
    [METRIC_EVENTS_APPLIED] = {"blox_events_applied_total", METRIC_COUNTER, RECONCILER,
                               .help = "Events which changed what is stored."},
    [METRIC_EVENTS_STALE] = {"blox_events_stale_total", METRIC_COUNTER, RECONCILER,
                             .labels = {&staleness},
                             .help = "Events which told nothing new: duplicates and late ones."},
    [METRIC_EVENTS_TOO_OLD] = {"blox_events_too_old_total", METRIC_COUNTER, RECONCILER,
                               .help = "Events of unknown objects, too old to be trusted; a drift "
                                       "pass follows."},
    [METRIC_EVENTS_REJECTED] = {"blox_events_rejected_total", METRIC_COUNTER, RECONCILER,
                                .labels = {&flaw}, .help = "Messages which can never be applied."},
    [METRIC_EVENTS_KEPT] = {"blox_events_kept_total", METRIC_COUNTER, RECONCILER,
                            .help = "Events left in the queue, because the store did not take "
                                    "them."},
    [METRIC_EVENT_LAG] = {"blox_event_lag_seconds", METRIC_HISTOGRAM, RECONCILER,
                          .buckets_us = medium,
                          .help = "Time from an event's arrival in the queue to its being stored."},

    [METRIC_DRIFT_PASSES] = {"blox_drift_passes_total", METRIC_COUNTER, RECONCILER,
                             .labels = {&outcome},
                             .help = "Comparisons of a whole cluster with what ECS says."},
    [METRIC_DRIFT_PASS_DURATION] = {"blox_drift_pass_duration_seconds", METRIC_HISTOGRAM,
                                    RECONCILER, .buckets_us = slow,
                                    .help = "Time of one cluster's comparison."},
    [METRIC_DRIFT_ROUND_AGE] =
        {"blox_drift_round_age_seconds", METRIC_AGE, RECONCILER,
         .help = "Time since all clusters were last compared, or the lease was taken."},
    [METRIC_DRIFT_REPAIRS] = {"blox_drift_repairs_total", METRIC_COUNTER, RECONCILER,
                              .labels = {&repair},
                              .help = "Objects which events had left wrong, put right."},
    [METRIC_DRIFT_FILLED] = {"blox_drift_filled_total", METRIC_COUNTER, RECONCILER,
                             .help = "Objects known from events alone until then, which say less."},
    [METRIC_DRIFT_HELD] = {"blox_drift_held_total", METRIC_COUNTER, RECONCILER,
                           .help = "Deletions which wait for a second pass to agree."},
    [METRIC_DRIFT_SKIPPED] = {"blox_drift_skipped_total", METRIC_COUNTER, RECONCILER,
                              .help = "Objects which ECS described without what Blox needs."},
    [METRIC_DRIFT_REQUESTS] = {"blox_drift_requests_total", METRIC_COUNTER, RECONCILER,
                               .help = "Passes asked for through the API or by another process."},

    [METRIC_LEASE_HELD] = {"blox_lease_held", METRIC_GAUGE, RECONCILER,
                           .help = "1 in the one reconciler that schedules and repairs drift."},
    [METRIC_LEASE_CHANGES] = {"blox_lease_changes_total", METRIC_COUNTER, RECONCILER,
                              .labels = {&change}, .help = "Times the lease was taken and lost."},
    [METRIC_SCHEDULER_DECISIONS] = {"blox_scheduler_decisions_total", METRIC_COUNTER, RECONCILER,
                                    .labels = {&act},
                                    .help = "Decisions about one environment on one instance."},
    [METRIC_SCHEDULER_ROUND_DURATION] = {"blox_scheduler_round_duration_seconds", METRIC_HISTOGRAM,
                                         RECONCILER, .buckets_us = fast,
                                         .help = "Time of one round of decisions, its commits "
                                                 "included."},
    [METRIC_SCHEDULER_STARTS] = {"blox_scheduler_starts_total", METRIC_COUNTER, RECONCILER,
                                 .labels = {&call_result},
                                 .help = "Tasks which ECS was asked to start."},
    [METRIC_SCHEDULER_STOPS] = {"blox_scheduler_stops_total", METRIC_COUNTER, RECONCILER,
                                .labels = {&call_result},
                                .help = "Tasks which ECS was asked to stop."},
    [METRIC_SCHEDULER_SETTLED] = {"blox_scheduler_settled_total", METRIC_COUNTER, RECONCILER,
                                  .labels = {&settlement},
                                  .help = "Starts in doubt for which ECS' listings were asked."},
    [METRIC_SCHEDULER_FAILURES] = {"blox_scheduler_failures_total", METRIC_COUNTER, RECONCILER,
                                   .labels = {&failure},
                                   .help = "Failures of an environment on one instance."},
    [METRIC_SCHEDULER_STRAYS] = {"blox_scheduler_strays_total", METRIC_COUNTER, RECONCILER,
                                 .help = "Tasks started although another had taken over; a "
                                         "surplus copy is stopped."},
    [METRIC_SCHEDULER_UNDER_WAY] = {"blox_scheduler_calls_under_way", METRIC_GAUGE, RECONCILER,
                                    .help = "Starts and stops which ECS has not answered yet."},
};
