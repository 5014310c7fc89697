/* Events on their way to a function, and answers on their way back. */
#include "sim/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "util/clock.h"
#include "util/mem.h"

enum state { WAITING, RUNNING, DONE };

struct invocation {
    TAILQ_ENTRY(invocation) link; /* while it waits */
    enum state state;
    const struct strbuf *event; /* the caller's; only read while it waits */
    char trace_id[RUNTIME_TRACE_LEN];
    int64_t function_timeout_ms;
    int64_t until_ms; /* RUNNING: monotonic */
    bool abandoned;   /* the caller has gone: nobody else frees it */
    struct runtime_result result;
};

struct environment {
    UT_hash_handle hh;
    struct invocation *running;
    char last_id[UUID_LEN]; /* of the event it had last, or has */
    char name[];
};

/* ---- life ------------------------------------------------------------------------------------ */

void runtime_init(struct runtime *runtime)
{
    pthread_condattr_t monotonic;

    *runtime = (struct runtime){0};
    pthread_mutex_init(&runtime->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&runtime->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    TAILQ_INIT(&runtime->waiting);
}

void runtime_end(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->ending = true;
    pthread_cond_broadcast(&runtime->changed);
    pthread_mutex_unlock(&runtime->lock);
}

static void invocation_free(struct invocation *invocation)
{
    strbuf_clear(&invocation->result.answer);
    free(invocation);
}

void runtime_clear(struct runtime *runtime)
{
    struct environment *each = NULL;
    struct environment *next = NULL;

    HASH_ITER(hh, runtime->environments, each, next)
    {
        if (each->running) {
            invocation_free(each->running);
        }
        HASH_DEL(runtime->environments, each);
        free(each);
    }
    pthread_cond_destroy(&runtime->changed);
    pthread_mutex_destroy(&runtime->lock);
}

bool runtime_is_ending(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    bool ending = runtime->ending;

    pthread_mutex_unlock(&runtime->lock);
    return ending;
}

/* ---- under the lock -------------------------------------------------------------------------- */

/* Waits for a change until a moment of the monotonic clock; false when it has come. */
static bool wait_until(struct runtime *runtime, int64_t until_ms)
{
    struct timespec at = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};

    return pthread_cond_timedwait(&runtime->changed, &runtime->lock, &at) == 0 ||
           clock_mono_ms() < until_ms;
}

static struct environment *environment_of(struct runtime *runtime, const char *name)
{
    struct environment *environment = NULL;

    HASH_FIND_STR(runtime->environments, name, environment);
    if (!environment) {
        environment = xcalloc(1, sizeof(*environment) + strlen(name) + 1);
        strcpy(environment->name, name);
        HASH_ADD_KEYPTR(hh, runtime->environments, environment->name, strlen(environment->name),
                        environment);
    }
    return environment;
}

static void finish(struct runtime *runtime, struct invocation *invocation, const char *error)
{
    invocation->state = DONE;
    invocation->result.outcome = error ? RUNTIME_FAILED : RUNTIME_ANSWERED;
    if (error) {
        snprintf(invocation->result.error, sizeof(invocation->result.error), "%s", error);
    }
    if (invocation->abandoned) {
        invocation_free(invocation);
    }
    pthread_cond_broadcast(&runtime->changed);
}

/* The environment's event ends; gives it up. */
static void finish_running(struct runtime *runtime, struct environment *environment,
                           const char *error)
{
    struct invocation *invocation = environment->running;

    environment->running = NULL;
    finish(runtime, invocation, error);
}

static struct environment *who_runs(struct runtime *runtime, const struct invocation *invocation)
{
    struct environment *each = runtime->environments;

    while (each && each->running != invocation) {
        each = each->hh.next;
    }
    return each;
}

static void fail_if_over(struct runtime *runtime, struct environment *environment)
{
    const struct invocation *invocation = environment->running;
    char error[RUNTIME_ERROR_LEN];

    if (invocation && clock_mono_ms() >= invocation->until_ms) {
        snprintf(error, sizeof(error), "Sandbox.Timedout: Task timed out after %.2f seconds",
                 (double)invocation->function_timeout_ms / 1000);
        finish_running(runtime, environment, error);
    }
}

/* ---- who invokes ----------------------------------------------------------------------------- */

/* Nobody waits for it any more. What runs goes on, as it does in Lambda. */
static void abandon(struct runtime *runtime, struct invocation *invocation)
{
    if (invocation->state == RUNNING) {
        invocation->abandoned = true;
    } else {
        TAILQ_REMOVE(&runtime->waiting, invocation, link);
        invocation_free(invocation);
    }
}

static void count(struct runtime *runtime, enum runtime_outcome outcome)
{
    runtime->n_invocations++;
    runtime->n_failed += outcome == RUNTIME_FAILED;
    runtime->n_late += outcome == RUNTIME_LATE;
}

void runtime_invoke(struct runtime *runtime, const struct strbuf *event, const char *trace_id,
                    int64_t timeout_ms, int64_t function_timeout_ms, struct runtime_result *result)
{
    struct invocation *invocation = xcalloc(1, sizeof(*invocation));
    int64_t until_ms = clock_mono_ms() + timeout_ms;

    uuid_make(invocation->result.id);
    snprintf(invocation->trace_id, sizeof(invocation->trace_id), "%s", trace_id);
    invocation->event = event;
    invocation->function_timeout_ms = function_timeout_ms;
    pthread_mutex_lock(&runtime->lock);
    TAILQ_INSERT_TAIL(&runtime->waiting, invocation, link);
    pthread_cond_broadcast(&runtime->changed);
    while (invocation->state != DONE && !runtime->ending && clock_mono_ms() < until_ms) {
        bool runs = invocation->state == RUNNING;
        int64_t next_ms = runs && invocation->until_ms < until_ms ? invocation->until_ms : until_ms;

        if (!wait_until(runtime, next_ms) && invocation->state == RUNNING) {
            fail_if_over(runtime, who_runs(runtime, invocation));
        }
    }
    if (invocation->state == DONE) {
        *result = invocation->result;
        free(invocation);
    } else {
        *result = (struct runtime_result){.outcome = RUNTIME_LATE};
        strcpy(result->id, invocation->result.id);
        abandon(runtime, invocation);
    }
    count(runtime, result->outcome);
    pthread_mutex_unlock(&runtime->lock);
}

/* ---- environments ---------------------------------------------------------------------------- */

void runtime_end_next(struct runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->n_idle--;
    pthread_mutex_unlock(&runtime->lock);
}

void runtime_begin_next(struct runtime *runtime, const char *name)
{
    pthread_mutex_lock(&runtime->lock);
    struct environment *environment = environment_of(runtime, name);

    fail_if_over(runtime, environment);
    if (environment->running) {
        finish_running(runtime, environment,
                       "Runtime.ExitError: the runtime ended before it answered");
    }
    runtime->n_idle++;
    pthread_mutex_unlock(&runtime->lock);
}

static bool could_take(const struct runtime *runtime, const struct environment *environment)
{
    return !TAILQ_EMPTY(&runtime->waiting) && !environment->running && !runtime->ending;
}

bool runtime_wait(struct runtime *runtime, const char *name, int64_t wait_ms)
{
    int64_t until_ms = clock_mono_ms() + wait_ms;

    pthread_mutex_lock(&runtime->lock);
    const struct environment *environment = environment_of(runtime, name);

    while (!could_take(runtime, environment) && !runtime->ending && wait_until(runtime, until_ms)) {
    }
    bool could = could_take(runtime, environment);

    pthread_mutex_unlock(&runtime->lock);
    return could;
}

static void hand_over(struct environment *environment, struct invocation *invocation,
                      struct runtime_event *event)
{
    environment->running = invocation;
    strcpy(environment->last_id, invocation->result.id);
    invocation->state = RUNNING;
    invocation->until_ms = clock_mono_ms() + invocation->function_timeout_ms;
    *event = (struct runtime_event){
        .deadline_ms = clock_wall_ms() + invocation->function_timeout_ms,
    };
    strcpy(event->id, invocation->result.id);
    strcpy(event->trace_id, invocation->trace_id);
    strbuf_add(&event->body, invocation->event->text, invocation->event->len);
    invocation->event = NULL;
}

bool runtime_take(struct runtime *runtime, const char *name, struct runtime_event *event)
{
    pthread_mutex_lock(&runtime->lock);
    struct environment *environment = environment_of(runtime, name);
    bool taken = could_take(runtime, environment);

    if (taken) {
        struct invocation *invocation = TAILQ_FIRST(&runtime->waiting);

        TAILQ_REMOVE(&runtime->waiting, invocation, link);
        hand_over(environment, invocation, event);
        pthread_cond_broadcast(&runtime->changed); /* who invoked has a new deadline */
    }
    pthread_mutex_unlock(&runtime->lock);
    return taken;
}

enum runtime_verdict runtime_answer(struct runtime *runtime, const char *name, const char *id,
                                    const char *answer, size_t len, const char *error)
{
    enum runtime_verdict verdict = RUNTIME_TAKEN;

    pthread_mutex_lock(&runtime->lock);
    struct environment *environment = environment_of(runtime, name);

    fail_if_over(runtime, environment);
    if (!*id || !streq(environment->last_id, id)) {
        verdict = RUNTIME_UNKNOWN;
    } else if (!environment->running) {
        verdict = RUNTIME_OVER;
    } else {
        strbuf_add(&environment->running->result.answer, answer, len);
        finish_running(runtime, environment, error);
    }
    pthread_mutex_unlock(&runtime->lock);
    return verdict;
}

void runtime_init_failed(struct runtime *runtime, const char *error)
{
    struct invocation *invocation = NULL;

    pthread_mutex_lock(&runtime->lock);
    while ((invocation = TAILQ_FIRST(&runtime->waiting)) != NULL) {
        TAILQ_REMOVE(&runtime->waiting, invocation, link);
        finish(runtime, invocation, error);
    }
    pthread_mutex_unlock(&runtime->lock);
}
