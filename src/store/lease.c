/* One thread renews the lease, or watches it stand still and takes it. */
#include "store/lease.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store/epoch.h"
#include "store/keys.h"
#include "store/pool.h"
#include "store/script.h"
#include "util/clock.h"
#include "util/crypto.h"
#include "util/mem.h"
#include "util/metrics.h"

#define CALL_MS     1000 /* of one renewal: several must fit into LEASE_DROP_MS */
#define IDENTITY_MS 1000 /* how often the holder asks the server who it is */
#define COUNTER_LEN 24

struct lease {
    struct redis *redis; /* the thread's */
    char *owner;
    void (*changed)(void *ctx, bool held);
    void *ctx;
    pthread_t thread;
    bool started;

    /* what the thread as a candidate saw, and since when it has stood still */
    char seen_token[LEASE_TOKEN_LEN];
    char seen_counter[COUNTER_LEN];
    int64_t still_since_ms;
    int64_t checked_ms;

    pthread_mutex_t lock;
    pthread_cond_t stopping;
    bool stop;
    bool held;
    char token[LEASE_TOKEN_LEN]; /* "" when not held */
    int64_t since_ms;
    /* When the last successful renewal (or the taking) was sent, by clock_boot_ms: others see the
     * time pass in which this machine is suspended. */
    int64_t sent_ms;
};

/* ---- what everybody asks ------------------------------------------------------------------- */

static bool is_held(const struct lease *lease) /* under the lock */
{
    return lease->held && clock_boot_ms() < lease->sent_ms + LEASE_DROP_MS;
}

bool lease_held(struct lease *lease, char out[LEASE_TOKEN_LEN])
{
    pthread_mutex_lock(&lease->lock);
    bool held = is_held(lease);

    if (held && out) {
        memcpy(out, lease->token, LEASE_TOKEN_LEN);
    }
    pthread_mutex_unlock(&lease->lock);
    return held;
}

int64_t lease_since_ms(struct lease *lease)
{
    pthread_mutex_lock(&lease->lock);
    int64_t since_ms = is_held(lease) ? lease->since_ms : 0;

    pthread_mutex_unlock(&lease->lock);
    return since_ms;
}

/* ---- steps of the thread ------------------------------------------------------------------- */

static void set_held(struct lease *lease, const char *token, int64_t sent_ms)
{
    pthread_mutex_lock(&lease->lock);
    lease->held = true;
    snprintf(lease->token, sizeof(lease->token), "%s", token);
    lease->since_ms = clock_mono_ms();
    lease->sent_ms = sent_ms;
    pthread_mutex_unlock(&lease->lock);
    if (lease->changed) {
        lease->changed(lease->ctx, true);
    }
}

static void set_lost(struct lease *lease)
{
    pthread_mutex_lock(&lease->lock);
    lease->held = false;
    lease->token[0] = '\0';
    pthread_mutex_unlock(&lease->lock);
    lease->seen_token[0] = '\0';
    lease->seen_counter[0] = '\0';
    lease->still_since_ms = clock_mono_ms();
    if (lease->changed) {
        lease->changed(lease->ctx, false);
    }
}

/* Runs lease.lua; *yes tells whether what stands there was what we knew. */
static int run_script(struct redis *redis, int64_t deadline_ms, size_t argc, const char **argv,
                      bool *yes, struct error *err)
{
    AUTO(reply) *reply = script_run(redis, deadline_ms, SCRIPT_LEASE, 1, argc, argv, NULL, err);

    if (!reply) {
        return -1;
    }
    *yes = reply->type == REPLY_TEXT && streq(reply->text, "1");
    return 0;
}

/* The holder's step. An error is not a loss yet: the time since the last success decides. */
static int renew(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct lease *lease = ctx;
    const char *argv[] = {[SCRIPT_ARGS] = KEY_LEASE, "renew", lease->token};
    int64_t now_ms = clock_mono_ms();
    bool ours = false;

    if (now_ms - lease->checked_ms >= IDENTITY_MS) {
        if (epoch_check_again(redis, deadline_ms, err) < 0) {
            return -1;
        }
        lease->checked_ms = now_ms;
    }
    int64_t sent_ms = clock_boot_ms();

    if (run_script(redis, deadline_ms, ARRAY_LEN(argv), argv, &ours, err) < 0) {
        return -1;
    }
    pthread_mutex_lock(&lease->lock);
    if (ours) {
        lease->sent_ms = sent_ms;
    } else {
        lease->sent_ms = sent_ms - LEASE_DROP_MS; /* somebody else's, or gone */
    }
    pthread_mutex_unlock(&lease->lock);
    return 0;
}

/* Takes the lease from the state which was seen last. */
static int take(struct lease *lease, struct redis *redis, int64_t deadline_ms, struct error *err)
{
    uint8_t bytes[(LEASE_TOKEN_LEN - 1) / 2];
    char token[LEASE_TOKEN_LEN];
    bool ours = false;

    crypto_random(bytes, sizeof(bytes));
    crypto_hex(bytes, sizeof(bytes), token);
    const char *argv[] = {[SCRIPT_ARGS] = KEY_LEASE, "take", lease->owner, token, lease->seen_token,
                          lease->seen_counter};
    int64_t sent_ms = clock_boot_ms();

    if (run_script(redis, deadline_ms, ARRAY_LEN(argv), argv, &ours, err) < 0) {
        return -1;
    }
    if (ours) {
        set_held(lease, token, sent_ms);
    }
    return 0;
}

/* The candidate's step: takes an absent lease at once, another when it has stood still. */
static int watch(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct lease *lease = ctx;
    AUTO(reply) *now =
        redis_call(redis, deadline_ms, err, "HMGET", KEY_LEASE, "token", "counter", NULL);

    if (!now) {
        return -1;
    }
    const char *token = reply_text_at(now, 0) ? reply_text_at(now, 0) : "";
    const char *counter = reply_text_at(now, 1) ? reply_text_at(now, 1) : "";

    if (!streq(token, lease->seen_token) || !streq(counter, lease->seen_counter)) {
        snprintf(lease->seen_token, sizeof(lease->seen_token), "%s", token);
        snprintf(lease->seen_counter, sizeof(lease->seen_counter), "%s", counter);
        lease->still_since_ms = clock_mono_ms();
    }
    bool absent = !token[0];

    return absent || clock_mono_ms() - lease->still_since_ms >= LEASE_TAKE_MS
               ? take(lease, redis, deadline_ms, err)
               : 0;
}

static int drop(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct lease *lease = ctx;
    const char *argv[] = {[SCRIPT_ARGS] = KEY_LEASE, "drop", lease->token};
    bool ours = false;

    return run_script(redis, deadline_ms, ARRAY_LEN(argv), argv, &ours, err);
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Sleeps until the next step is due; false when the lease is to be given up. */
static bool sleep_until(struct lease *lease, int64_t due_ms)
{
    struct timespec until = {.tv_sec = due_ms / 1000, .tv_nsec = due_ms % 1000 * 1000000};
    int late = 0;

    pthread_mutex_lock(&lease->lock);
    while (!lease->stop && !late) {
        late = pthread_cond_timedwait(&lease->stopping, &lease->lock, &until);
    }
    bool go_on = !lease->stop;

    pthread_mutex_unlock(&lease->lock);
    return go_on;
}

/* Renews or watches once. An error matters only by how long it goes on. */
static void step(struct lease *lease)
{
    struct error ignored = {0};
    int64_t deadline_ms = clock_mono_ms() + CALL_MS;

    if (lease->held && !lease_held(lease, NULL)) { /* this process was paused */
        set_lost(lease);
    }
    if (!lease->held) {
        if (session_run(lease->redis, deadline_ms, watch, lease, &ignored) < 0) {
            lease->still_since_ms =
                clock_mono_ms(); /* who sees nothing cannot say it stood still */
        }
        return;
    }
    int64_t drop_ms = clock_mono_ms() + lease->sent_ms + LEASE_DROP_MS - clock_boot_ms();
    int failed = session_run(lease->redis, deadline_ms < drop_ms ? deadline_ms : drop_ms, renew,
                             lease, &ignored);

    (void)failed; /* lease_held knows when the last one succeeded */
    if (!lease_held(lease, NULL)) {
        set_lost(lease);
    }
}

static void *run(void *arg)
{
    struct lease *lease = arg;
    int64_t due_ms = clock_mono_ms();

    do {
        metric_mark(METRIC_LOOP_AGE, LOOP_LEASE);
        step(lease);
        int64_t now_ms = clock_mono_ms();

        due_ms = due_ms + LEASE_RENEW_MS > now_ms ? due_ms + LEASE_RENEW_MS : now_ms;
    } while (sleep_until(lease, due_ms));
    if (lease_held(lease, NULL)) {
        struct error ignored = {0};
        int dropped = session_run(lease->redis, clock_mono_ms() + CALL_MS, drop, lease, &ignored);

        (void)dropped; /* a candidate then takes it when it has stood still */
        set_lost(lease);
    }
    return NULL;
}

struct lease *lease_open(struct store *store, const char *owner,
                         void (*changed)(void *ctx, bool held), void *ctx, struct error *err)
{
    AUTO(lease) *lease = xcalloc(1, sizeof(*lease));
    pthread_condattr_t monotonic;

    pthread_mutex_init(&lease->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lease->stopping, &monotonic);
    pthread_condattr_destroy(&monotonic);
    lease->redis = store_connection(store, -1);
    lease->owner = xstrdup(owner);
    lease->changed = changed;
    lease->ctx = ctx;
    lease->still_since_ms = clock_mono_ms();
    if (pthread_create(&lease->thread, NULL, run, lease) != 0) {
        error_set(err, ERR_INTERNAL, "cannot start the thread of the lease");
        return NULL;
    }
    lease->started = true;
    return TAKE(lease);
}

void lease_free(struct lease *lease)
{
    if (!lease) {
        return;
    }
    if (lease->started) {
        pthread_mutex_lock(&lease->lock);
        lease->stop = true;
        pthread_cond_signal(&lease->stopping);
        pthread_mutex_unlock(&lease->lock);
        pthread_join(lease->thread, NULL);
    }
    redis_free(lease->redis);
    pthread_cond_destroy(&lease->stopping);
    pthread_mutex_destroy(&lease->lock);
    free(lease->owner);
    free(lease);
}
