/*
 * Lambda, as far as one function needs it: events wait here until an environment asks for the next
 * one, and whoever invoked waits for its answer. Its own lock.
 *
 * An environment is one process that polls; it has one event at a time. Nothing here starts
 * processes: what ends has to be started again by somebody else, and its next poll is how we see
 * that it had ended.
 * Source: AWS Lambda Developer Guide, "Using the Lambda runtime API".
 */
#ifndef BLOX_SIM_RUNTIME_H
#define BLOX_SIM_RUNTIME_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "util/attr.h"
#include "util/strbuf.h"
#include "util/uuid.h"

#define RUNTIME_PAYLOAD_MAX (6 * 1024 * 1024 + 100) /* of an event, and of an answer */
#define RUNTIME_TRACE_LEN   64
#define RUNTIME_ERROR_LEN   512

/* ---- for who invokes ------------------------------------------------------------------------- */

enum runtime_outcome {
    RUNTIME_ANSWERED, /* with what the function posted */
    RUNTIME_FAILED,   /* a function error: it said so, took too long, or ended */
    RUNTIME_LATE,     /* no answer within the caller's time; the function may go on */
};

struct runtime_result {
    enum runtime_outcome outcome;
    char id[UUID_LEN];             /* of the invocation */
    struct strbuf answer;          /* RUNTIME_ANSWERED: the caller's */
    char error[RUNTIME_ERROR_LEN]; /* RUNTIME_FAILED: "Type: message" */
};

struct runtime {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    TAILQ_HEAD(invocation_queue, invocation) waiting;
    struct environment *environments; /* by name */
    int64_t n_invocations, n_failed, n_late;
    int64_t n_idle; /* environments which wait for an event */
    bool ending;
};

void runtime_init(struct runtime *runtime);
void runtime_end(struct runtime *runtime); /* wakes everybody who waits */
void runtime_clear(struct runtime *runtime);

/* Waits up to timeout_ms in all, and up to function_timeout_ms from when an environment took it. */
void runtime_invoke(struct runtime *runtime, const struct strbuf *event, const char *trace_id,
                    int64_t timeout_ms, int64_t function_timeout_ms, struct runtime_result *result);

/* ---- for environments ------------------------------------------------------------------------ */

struct runtime_event {
    char id[UUID_LEN];
    char trace_id[RUNTIME_TRACE_LEN];
    int64_t deadline_ms; /* wall clock */
    struct strbuf body;  /* the caller's */
};

/* The environment begins to ask for an event, and has it or gives up. One that it had before is
 * taken for lost with its process. */
void runtime_begin_next(struct runtime *runtime, const char *environment);
void runtime_end_next(struct runtime *runtime);
/* Waits up to wait_ms for an event that the environment could take; false when there is none. */
bool runtime_wait(struct runtime *runtime, const char *environment, int64_t wait_ms);
/* Takes the first one that waits; false when another was quicker. */
bool runtime_take(struct runtime *runtime, const char *environment,
                  struct runtime_event *event) MUST_CHECK;
bool runtime_is_ending(struct runtime *runtime);

enum runtime_verdict {
    RUNTIME_TAKEN,
    RUNTIME_UNKNOWN, /* the environment never had that event */
    RUNTIME_OVER,    /* it has answered it already, or had no more time to */
};
/* The environment's answer; `error` is NULL, or what it failed with. Borrowed. */
enum runtime_verdict runtime_answer(struct runtime *runtime, const char *environment,
                                    const char *id, const char *answer, size_t len,
                                    const char *error) MUST_CHECK;
/* The function could not begin: every event that waits fails. */
void runtime_init_failed(struct runtime *runtime, const char *error);

#endif
