/* The control API: what happened, what is set, and what is to go wrong. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/parts.h"

#define HISTORY_PAGE 100000

static int health(struct sim *sim UNUSED, struct call *call)
{
    emit_text(&call->out, "status", "ok");
    return 0;
}

/* A number in a query, where everything is a text. */
static uint64_t query_number(const struct call *call, const char *key, uint64_t fallback)
{
    const char *text = json_string_value(json_object_get(call->input, key));

    return text ? strtoull(text, NULL, 10) : fallback;
}

/* ---- history and calls ----------------------------------------------------------------------- */

static void emit_transition(struct emit *e, uint64_t seq, const struct transition *t)
{
    emit_open(e, NULL, '{');
    emit_int(e, "seq", (int64_t)seq);
    emit_int(e, "at_ms", t->at_ms);
    emit_int(e, "mono_us", t->mono_us);
    emit_text(e, "task", t->task);
    emit_text(e, "instance", t->instance);
    emit_text(e, "taskDefinition", t->definition);
    emit_text(e, "startedBy", t->started_by ? t->started_by : "");
    emit_text(e, "group", t->group);
    emit_text(e, "lastStatus", task_status_name(t->last));
    emit_text(e, "desiredStatus", task_status_name(t->desired));
    emit_close(e, '}');
}

static int show_history(struct sim *sim, struct call *call)
{
    const struct world *world = &sim->world;
    uint64_t from = query_number(call, "after", 0);
    uint64_t limit = query_number(call, "limit", HISTORY_PAGE);

    world_lock(&sim->world);
    uint64_t oldest = world->n_history > HISTORY_MAX ? world->n_history - HISTORY_MAX : 0;

    from = from < oldest ? oldest : from;
    emit_open(&call->out, "transitions", '[');
    for (; from < world->n_history && limit > 0; from++, limit--) {
        emit_transition(&call->out, from + 1, &world->history[from % HISTORY_MAX]);
    }
    emit_close(&call->out, ']');
    emit_int(&call->out, "last", (int64_t)from);
    world_unlock(&sim->world);
    return 0;
}

static int show_calls(struct sim *sim, struct call *call)
{
    const char *operation = NULL;

    if (input_text(call, "operation", &operation) < 0) {
        return -1;
    }
    calls_emit(&sim->calls, &call->out, query_number(call, "after", 0), operation);
    return 0;
}

/* ---- counters -------------------------------------------------------------------------------- */

static void emit_queues(struct sim *sim, struct emit *e)
{
    queues_lock(&sim->queues);
    emit_open(e, "queues", '{');
    for (const struct queue *q = sim->queues.by_name; q; q = q->hh.next) {
        emit_open(e, q->name, '{');
        emit_int(e, "visible", (int64_t)q->n_ready);
        emit_int(e, "inFlight", (int64_t)q->n_in_flight);
        emit_int(e, "delayed", (int64_t)q->n_delayed);
        emit_int(e, "sent", (int64_t)q->n_sent);
        emit_int(e, "received", (int64_t)q->n_received);
        emit_int(e, "deleted", (int64_t)q->n_deleted);
        emit_int(e, "deadLettered", (int64_t)q->n_dead_lettered);
        emit_close(e, '}');
    }
    emit_close(e, '}');
    queues_unlock(&sim->queues);
}

static void emit_events(struct sim *sim, struct emit *e)
{
    struct faults *faults = &sim->faults;

    pthread_mutex_lock(&faults->lock);
    emit_open(e, "events", '{');
    emit_int(e, "sent", (int64_t)faults->n_events);
    emit_int(e, "lost", (int64_t)faults->struck[FAULT_EVENT_LOST]);
    emit_int(e, "duplicated", (int64_t)faults->struck[FAULT_EVENT_DUPLICATE]);
    emit_int(e, "reordered", (int64_t)faults->struck[FAULT_EVENT_REORDER]);
    emit_int(e, "malformed", (int64_t)faults->struck[FAULT_EVENT_MALFORMED]);
    emit_close(e, '}');
    pthread_mutex_unlock(&faults->lock);
}

static int show_counters(struct sim *sim, struct call *call)
{
    calls_emit_counts(&sim->calls, &call->out, "calls");
    emit_queues(sim, &call->out);
    emit_events(sim, &call->out);
    world_lock(&sim->world);
    emit_int(&call->out, "instances", (int64_t)sim->world.n_instances);
    emit_int(&call->out, "tasks", (int64_t)sim->world.n_tasks);
    world_unlock(&sim->world);
    return 0;
}

/* ---- settings -------------------------------------------------------------------------------- */

static int show_settings(struct sim *sim, struct call *call)
{
    const struct settings *s = &sim->settings;
    struct emit *e = &call->out;

    emit_int(e, "latencyMs", s->latency_ms);
    emit_int(e, "sqsLatencyMs", s->sqs_latency_ms);
    emit_int(e, "listingLagMs", s->listing_lag_ms);
    emit_int(e, "startDelayMs", s->start_delay_ms);
    emit_int(e, "stopTimeoutMs", s->stop_timeout_ms);
    emit_int(e, "integrationTimeoutMs", s->integration_timeout_ms);
    emit_int(e, "functionTimeoutMs", s->function_timeout_ms);
    emit_bool(e, "binaryBodies", s->binary_bodies);
    emit_bool(e, "decodedPaths", s->decoded_paths);
    emit_bool(e, "quotas", s->quotas);
    emit_bool(e, "autoHealth", s->auto_health);
    emit_text(e, "arnFormat", s->old_arns ? "old" : "long");
    return 0;
}

static int set_number(struct call *call, const char *key, int64_t min, _Atomic int64_t *setting)
{
    int64_t value = 0;

    if (input_int(call, key, *setting, &value) < 0) {
        return -1;
    }
    if (value < min) {
        return refuse(call, "", "%s: want %" PRId64 " or more", key, min);
    }
    *setting = value;
    return 0;
}

static int set_flag(struct call *call, const char *key, atomic_bool *setting)
{
    bool value = false;

    if (input_bool(call, key, *setting, &value) < 0) {
        return -1;
    }
    *setting = value;
    return 0;
}

static int check_names(struct call *call)
{
    static const char *const names[] = {"latencyMs",         "sqsLatencyMs",
                                        "listingLagMs",      "startDelayMs",
                                        "stopTimeoutMs",     "integrationTimeoutMs",
                                        "functionTimeoutMs", "binaryBodies",
                                        "decodedPaths",      "quotas",
                                        "autoHealth",        "arnFormat"};
    size_t n_known = 0;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        n_known += json_object_get(call->input, names[i]) != NULL;
    }
    return n_known == json_object_size(call->input)
               ? 0
               : refuse(call, "", "there is a setting which nobody knows");
}

static int change_settings(struct sim *sim, struct call *call)
{
    struct settings *s = &sim->settings;
    const char *arns = NULL;

    if (check_names(call) < 0 || set_number(call, "latencyMs", 0, &s->latency_ms) < 0 ||
        set_number(call, "sqsLatencyMs", 0, &s->sqs_latency_ms) < 0 ||
        set_number(call, "listingLagMs", 0, &s->listing_lag_ms) < 0 ||
        set_number(call, "startDelayMs", 0, &s->start_delay_ms) < 0 ||
        set_number(call, "stopTimeoutMs", -1, &s->stop_timeout_ms) < 0 ||
        set_number(call, "integrationTimeoutMs", 50, &s->integration_timeout_ms) < 0 ||
        set_number(call, "functionTimeoutMs", 50, &s->function_timeout_ms) < 0 ||
        set_flag(call, "binaryBodies", &s->binary_bodies) < 0 ||
        set_flag(call, "decodedPaths", &s->decoded_paths) < 0 ||
        set_flag(call, "quotas", &s->quotas) < 0 ||
        set_flag(call, "autoHealth", &s->auto_health) < 0 ||
        input_text(call, "arnFormat", &arns) < 0) {
        return -1;
    }
    if (arns && !streq(arns, "old") && !streq(arns, "long")) {
        return refuse(call, "", "arnFormat: want long or old");
    }
    if (arns) {
        s->old_arns = streq(arns, "old");
    }
    return show_settings(sim, call);
}

/* ---- faults ---------------------------------------------------------------------------------- */

static int add_fault(struct sim *sim, struct call *call)
{
    struct fault fault = {0};
    const char *kind = NULL;
    const char *operation = NULL;
    const json_t *rate = json_object_get(call->input, "rate");

    if (input_need_text(call, "kind", &kind) < 0 || input_text(call, "operation", &operation) < 0 ||
        input_int(call, "count", -1, &fault.count) < 0 ||
        input_int(call, "latencyMs", 0, &fault.latency_ms) < 0) {
        return -1;
    }
    if (!fault_kind_parse(kind, &fault.kind)) {
        return refuse(call, "", "there is no kind %.100s", kind);
    }
    fault.rate = rate ? json_number_value(rate) : 1;
    if (fault.rate < 0 || fault.rate > 1 || (rate && !json_is_number(rate))) {
        return refuse(call, "", "rate: want 0 to 1");
    }
    if (!fault_is_of_events(fault.kind)) {
        operation = operation ? operation : "*";
        if (strlen(operation) >= sizeof(fault.operation)) {
            return refuse(call, "", "operation is too long");
        }
        strcpy(fault.operation, operation);
    }
    emit_int(&call->out, "id", faults_add(&sim->faults, &fault));
    return 0;
}

static int show_faults(struct sim *sim, struct call *call)
{
    faults_emit(&sim->faults, &call->out, "faults");
    return 0;
}

static int forget_faults(struct sim *sim, struct call *call UNUSED)
{
    faults_forget(&sim->faults);
    return 0;
}

/* ---- raw messages ---------------------------------------------------------------------------- */

static int send_raw(struct sim *sim, struct call *call)
{
    const json_t *body = json_object_get(call->input, "body");
    const char *name = NULL;

    if (input_text(call, "queue", &name) < 0) {
        return -1;
    }
    if (!body) {
        return refuse(call, "", "body: want a text or an object");
    }
    char *text = json_is_string(body) ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    const char *bytes = text ? text : json_string_value(body);
    size_t len = text ? strlen(text) : json_string_length(body);
    int result = 0;

    queues_lock(&sim->queues);
    struct queue *queue = queue_find(&sim->queues, name ? name : sim->options.queue);

    if (queue) {
        emit_text(&call->out, "messageId", queue_send(&sim->queues, queue, bytes, len, 0)->id);
    } else {
        result =
            refuse_as(call, 404, "", "there is no queue %.100s", name ? name : sim->options.queue);
    }
    queues_unlock(&sim->queues);
    free(text);
    return result;
}

const struct control_route control_observe_routes[] = {
    {"GET", "/healthz", health},
    {"GET", "/history", show_history},
    {"GET", "/calls", show_calls},
    {"GET", "/counters", show_counters},
    {"GET", "/settings", show_settings},
    {"PUT", "/settings", change_settings},
    {"GET", "/faults", show_faults},
    {"POST", "/faults", add_fault},
    {"DELETE", "/faults", forget_faults},
    {"POST", "/events", send_raw},
    {0},
};
