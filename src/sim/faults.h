/* Scripted faults: of calls and of events. Its own lock. */
#ifndef BLOX_SIM_FAULTS_H
#define BLOX_SIM_FAULTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/emit.h"

enum fault_kind {
    FAULT_NONE,
    FAULT_THROTTLE,
    FAULT_ERROR500,
    FAULT_ACCESS_DENIED,
    FAULT_INVALID,
    FAULT_CLOSE,
    FAULT_LOST_ANSWER,
    FAULT_LATENCY,
    FAULT_EVENT_LOST,
    FAULT_EVENT_DUPLICATE,
    FAULT_EVENT_REORDER,
    FAULT_EVENT_MALFORMED,
    FAULT_KINDS,
};

struct fault {
    struct fault *next;
    int64_t id;
    enum fault_kind kind;
    char operation[64]; /* "StartTask", "*", "ecs:*" or "sqs:*"; "" for events */
    int64_t count;      /* how often it still strikes; -1: without end */
    double rate;        /* how likely */
    int64_t latency_ms;
};

struct faults {
    pthread_mutex_t lock;
    struct fault *first; /* in the order they came */
    int64_t n_ever;
    uint64_t random;
    uint64_t struck[FAULT_KINDS];
    uint64_t n_events; /* published, faulty ones among them */
};

void faults_init(struct faults *faults);
void faults_clear(struct faults *faults);
void faults_forget(struct faults *faults);
/* Copies it; gives its id. */
int64_t faults_add(struct faults *faults, const struct fault *fault);
/* False when there is no such kind. */
bool fault_kind_parse(const char *name, enum fault_kind *out);
const char *fault_kind_name(enum fault_kind kind);
bool fault_is_of_events(enum fault_kind kind);
void faults_emit(struct faults *faults, struct emit *e, const char *key);

/* What strikes this call: the first fault that does, and the latency of all that do. */
enum fault_kind faults_strike_call(struct faults *faults, const char *service,
                                   const char *operation, int64_t *latency_ms);
/* What strikes this event; several kinds may, so one is asked after the other. */
bool faults_strike_event(struct faults *faults, enum fault_kind kind);
void faults_count_event(struct faults *faults);
/* 1 to max. */
int64_t faults_random(struct faults *faults, int64_t max);

#endif
