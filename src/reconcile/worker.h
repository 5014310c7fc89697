/* A thread which can be told to stop, and which waits where it can be woken. */
#ifndef BLOX_RECONCILE_WORKER_H
#define BLOX_RECONCILE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"

/* The lock also guards what the worker and its customers share. */
struct worker {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_bool stopping; /* set under the lock; a call to AWS may watch it */
    pthread_t thread;
    bool started;
};

void worker_init(struct worker *worker);
int worker_start(struct worker *worker, void *(*run)(void *ctx), void *ctx,
                 struct error *err) MUST_CHECK;
/* Asks it to stop and wakes it; worker_end must follow. */
void worker_stop(struct worker *worker);
/* Asks it to stop, waits for its end and releases all; harmless when never started. */
void worker_end(struct worker *worker);

void worker_lock(struct worker *worker);
void worker_unlock(struct worker *worker);
void worker_wake(struct worker *worker);
/* With the lock held: waits for a wake, until the monotonic clock says until_ms. False: it is past,
 * or the worker is stopping. */
bool worker_wait_until(struct worker *worker, int64_t until_ms);

bool worker_stopping(struct worker *worker);
/* Without the lock: waits; true when the time is over, false as soon as it is stopping. */
bool worker_sleep(struct worker *worker, int64_t ms);

#endif
