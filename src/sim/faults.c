/* Scripted faults. */
#include "sim/faults.h"

#include <stdlib.h>
#include <string.h>

#include "util/attr.h"
#include "util/mem.h"

#define RANDOM_SEED 0x9E3779B97F4A7C15u /* the same in each run: a failure can be repeated */

static const char *const kind_names[FAULT_KINDS] = {
    [FAULT_NONE] = "none",
    [FAULT_THROTTLE] = "throttle",
    [FAULT_ERROR500] = "error500",
    [FAULT_ACCESS_DENIED] = "access-denied",
    [FAULT_INVALID] = "invalid",
    [FAULT_CLOSE] = "close",
    [FAULT_LOST_ANSWER] = "lost-answer",
    [FAULT_LATENCY] = "latency",
    [FAULT_EVENT_LOST] = "event-lost",
    [FAULT_EVENT_DUPLICATE] = "event-duplicate",
    [FAULT_EVENT_REORDER] = "event-reorder",
    [FAULT_EVENT_MALFORMED] = "event-malformed",
};

void faults_init(struct faults *faults)
{
    *faults = (struct faults){.random = RANDOM_SEED};
    pthread_mutex_init(&faults->lock, NULL);
}

void faults_forget(struct faults *faults)
{
    pthread_mutex_lock(&faults->lock);
    while (faults->first) {
        struct fault *fault = faults->first;

        faults->first = fault->next;
        free(fault);
    }
    pthread_mutex_unlock(&faults->lock);
}

void faults_clear(struct faults *faults)
{
    faults_forget(faults);
    pthread_mutex_destroy(&faults->lock);
}

int64_t faults_add(struct faults *faults, const struct fault *fault)
{
    struct fault *copy = xcalloc(1, sizeof(*copy));
    struct fault **end = &faults->first;

    *copy = *fault;
    copy->next = NULL;
    pthread_mutex_lock(&faults->lock);
    copy->id = ++faults->n_ever;
    while (*end) {
        end = &(*end)->next;
    }
    *end = copy;
    int64_t id = copy->id;

    pthread_mutex_unlock(&faults->lock);
    return id;
}

const char *fault_kind_name(enum fault_kind kind)
{
    return kind_names[kind];
}

bool fault_kind_parse(const char *name, enum fault_kind *out)
{
    for (int kind = FAULT_NONE + 1; kind < FAULT_KINDS; kind++) {
        if (streq(name, kind_names[kind])) {
            *out = (enum fault_kind)kind;
            return true;
        }
    }
    return false;
}

bool fault_is_of_events(enum fault_kind kind)
{
    return kind >= FAULT_EVENT_LOST;
}

void faults_emit(struct faults *faults, struct emit *e, const char *key)
{
    pthread_mutex_lock(&faults->lock);
    emit_open(e, key, '[');
    for (const struct fault *f = faults->first; f; f = f->next) {
        emit_open(e, NULL, '{');
        emit_int(e, "id", f->id);
        emit_text(e, "kind", kind_names[f->kind]);
        emit_text_if(e, "operation", f->operation);
        emit_int(e, "count", f->count);
        json_t *rate = json_real(f->rate);

        emit_json(e, "rate", rate);
        json_decref(rate);
        emit_int(e, "latencyMs", f->latency_ms);
        emit_close(e, '}');
    }
    emit_close(e, ']');
    pthread_mutex_unlock(&faults->lock);
}

/* xorshift64: good enough for dice. */
static uint64_t next_random(struct faults *faults)
{
    faults->random ^= faults->random << 13;
    faults->random ^= faults->random >> 7;
    faults->random ^= faults->random << 17;
    return faults->random;
}

static bool strikes(struct faults *faults, struct fault *fault)
{
    if (fault->count == 0 ||
        (double)(next_random(faults) >> 11) / (double)(1ull << 53) >= fault->rate) {
        return false;
    }
    fault->count -= fault->count > 0;
    faults->struck[fault->kind]++;
    return true;
}

static bool concerns(const struct fault *fault, const char *service, const char *operation)
{
    size_t service_len = strlen(service);

    return streq(fault->operation, "*") || streq(fault->operation, operation) ||
           (strncmp(fault->operation, service, service_len) == 0 &&
            streq(fault->operation + service_len, ":*"));
}

enum fault_kind faults_strike_call(struct faults *faults, const char *service,
                                   const char *operation, int64_t *latency_ms)
{
    enum fault_kind struck = FAULT_NONE;

    pthread_mutex_lock(&faults->lock);
    for (struct fault *f = faults->first; f; f = f->next) {
        if (fault_is_of_events(f->kind) || !concerns(f, service, operation) ||
            (f->kind != FAULT_LATENCY && struck != FAULT_NONE) || !strikes(faults, f)) {
            continue;
        }
        *latency_ms += f->latency_ms;
        if (f->kind != FAULT_LATENCY) {
            struck = f->kind;
        }
    }
    pthread_mutex_unlock(&faults->lock);
    return struck;
}

bool faults_strike_event(struct faults *faults, enum fault_kind kind)
{
    bool struck = false;

    pthread_mutex_lock(&faults->lock);
    for (struct fault *f = faults->first; f && !struck; f = f->next) {
        struck = f->kind == kind && strikes(faults, f);
    }
    pthread_mutex_unlock(&faults->lock);
    return struck;
}

void faults_count_event(struct faults *faults)
{
    pthread_mutex_lock(&faults->lock);
    faults->n_events++;
    pthread_mutex_unlock(&faults->lock);
}

int64_t faults_random(struct faults *faults, int64_t max)
{
    pthread_mutex_lock(&faults->lock);
    int64_t n = (int64_t)(next_random(faults) % (uint64_t)max) + 1;

    pthread_mutex_unlock(&faults->lock);
    return n;
}
