/* A thread which can be told to stop, and which waits where it can be woken. */
#include "reconcile/worker.h"

#include <string.h>
#include <time.h>

#include "util/clock.h"

void worker_init(struct worker *worker)
{
    pthread_condattr_t attr;

    memset(worker, 0, sizeof(*worker));
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->wake, &attr);
    pthread_condattr_destroy(&attr);
}

int worker_start(struct worker *worker, void *(*run)(void *ctx), void *ctx, struct error *err)
{
    int failure = pthread_create(&worker->thread, NULL, run, ctx);

    if (failure) {
        return error_set(err, ERR_INTERNAL, "thread: %s", strerror(failure));
    }
    worker->started = true;
    return 0;
}

void worker_stop(struct worker *worker)
{
    worker_lock(worker);
    worker->stopping = true;
    worker_unlock(worker);
    worker_wake(worker);
}

void worker_end(struct worker *worker)
{
    worker_stop(worker);
    if (worker->started) {
        pthread_join(worker->thread, NULL);
    }
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->lock);
}

void worker_lock(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
}

void worker_unlock(struct worker *worker)
{
    pthread_mutex_unlock(&worker->lock);
}

void worker_wake(struct worker *worker)
{
    pthread_cond_broadcast(&worker->wake);
}

bool worker_wait_until(struct worker *worker, int64_t until_ms)
{
    struct timespec until = {until_ms / 1000, (until_ms % 1000) * 1000000};

    if (worker->stopping || clock_mono_ms() >= until_ms) {
        return false;
    }
    pthread_cond_timedwait(&worker->wake, &worker->lock, &until);
    return !worker->stopping && clock_mono_ms() < until_ms;
}

bool worker_stopping(struct worker *worker)
{
    return worker->stopping;
}

bool worker_sleep(struct worker *worker, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;

    worker_lock(worker);
    while (worker_wait_until(worker, until_ms)) {
    }
    bool stopping = worker->stopping;

    worker_unlock(worker);
    return !stopping;
}
