/* What was called, when and how it ended: a bounded log, and counters. Its own lock. */
#ifndef BLOX_SIM_CALLS_H
#define BLOX_SIM_CALLS_H

#include <pthread.h>
#include <stdint.h>
#include <uthash.h>

#include "sim/emit.h"

#define CALLS_MAX          65536
#define CALL_INSTANCES_MAX 10

struct call_record {
    int64_t wall_us; /* of its arrival */
    int64_t mono_us;
    int64_t took_us;
    const char *service;   /* static */
    const char *operation; /* static or kept */
    int status;            /* HTTP; 0: no answer was sent */
    const char *error;     /* or NULL */
    const char *fault;     /* the kind that struck, or NULL */
    size_t n_instances;
    const char *instances[CALL_INSTANCES_MAX];
    const char *started_by;
    const char *task;
};

struct call_count {
    UT_hash_handle hh;
    const char *operation;
    uint64_t ok;
    uint64_t throttled;
    uint64_t failed;
    uint64_t lost;
};

struct call_log {
    pthread_mutex_t lock;
    struct call_record *ring;
    uint64_t n; /* ever; the last one's number */
    struct call_count *counts;
};

void calls_init(struct call_log *log);
void calls_clear(struct call_log *log);
void calls_add(struct call_log *log, const struct call_record *record);
/* Writes "last" and "calls", those after number `after`, of one operation unless it is NULL. */
void calls_emit(struct call_log *log, struct emit *e, uint64_t after, const char *operation);
void calls_emit_counts(struct call_log *log, struct emit *e, const char *key);

#endif
