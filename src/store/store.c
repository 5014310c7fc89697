/* Opening the store, its pool of connections, and reading single values. */
#include "store/store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/epoch.h"
#include "store/keys.h"
#include "store/pool.h"
#include "util/clock.h"
#include "util/mem.h"

#define TIMEOUT_MS_MIN    100
#define TIMEOUT_MS_MAX    60000
#define LOG_COUNT_DEFAULT 50000
#define RETRY_MS_MIN      20 /* while the primary moves or loads */
#define RETRY_MS_MAX      200

struct store {
    struct redis_url *url;
    struct tls_context *tls; /* NULL without rediss:// */
    char *client;
    int timeout_ms;
    int replicas;
    int64_t log_max;
    pthread_mutex_t lock; /* of the pool */
    struct redis **idle;  /* as many as were ever borrowed at once */
    size_t n_idle;
    size_t cap_idle;
};

struct store *store_open(const struct store_options *options, struct error *err)
{
    AUTO(store) *store = xcalloc(1, sizeof(*store));

    pthread_mutex_init(&store->lock, NULL);
    store->client = xstrdup_or_null(options->client);
    store->timeout_ms = options->timeout_ms;
    store->replicas = options->replicas;
    store->log_max = options->log_count_max ? options->log_count_max : LOG_COUNT_DEFAULT;
    if (options->timeout_ms < TIMEOUT_MS_MIN || options->timeout_ms > TIMEOUT_MS_MAX) {
        error_set(err, ERR_INVALID, "the timeout of Redis is %d to %d ms, not %d", TIMEOUT_MS_MIN,
                  TIMEOUT_MS_MAX, options->timeout_ms);
        return NULL;
    }
    store->url = redis_url_parse(options->url, err);
    if (!store->url) {
        return NULL;
    }
    if (store->url->tls) {
        store->tls = tls_context_new(options->ca_file, err);
        if (!store->tls) {
            return NULL;
        }
    }
    return TAKE(store);
}

void store_free(struct store *store)
{
    if (!store) {
        return;
    }
    for (size_t i = 0; i < store->n_idle; i++) {
        redis_free(store->idle[i]);
    }
    free(store->idle);
    pthread_mutex_destroy(&store->lock);
    redis_url_free(store->url);
    tls_context_free(store->tls);
    free(store->client);
    free(store);
}

int store_timeout_ms(const struct store *store)
{
    return store->timeout_ms;
}

int store_replicas(const struct store *store)
{
    return store->replicas;
}

int64_t store_log_max(const struct store *store)
{
    return store->log_max;
}

/* ---- connections --------------------------------------------------------------------------- */

struct redis *store_connection(struct store *store, int wake_fd)
{
    const struct redis_settings settings = {
        .url = store->url, .tls = store->tls, .client = store->client};

    return redis_new(&settings, wake_fd);
}

static struct redis *borrow(struct store *store)
{
    struct redis *redis = NULL;

    pthread_mutex_lock(&store->lock);
    if (store->n_idle > 0) {
        redis = store->idle[--store->n_idle];
    }
    pthread_mutex_unlock(&store->lock);
    return redis ? redis : store_connection(store, -1);
}

static void give_back(struct store *store, struct redis *redis)
{
    pthread_mutex_lock(&store->lock);
    if (store->n_idle == store->cap_idle) {
        store->cap_idle = store->cap_idle ? 2 * store->cap_idle : 8;
        store->idle = xreallocarray(store->idle, store->cap_idle, sizeof(struct redis *));
    }
    store->idle[store->n_idle++] = redis;
    pthread_mutex_unlock(&store->lock);
}

static int connect_if_needed(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    if (redis_is_usable(redis)) {
        return 0;
    }
    if (redis_connect(redis, deadline_ms, err) < 0) {
        return -1;
    }
    if (epoch_check(redis, deadline_ms, err) < 0) {
        redis_close(redis);
        return -1;
    }
    return 0;
}

int session_run(struct redis *redis, int64_t deadline_ms, session_work *work, void *ctx,
                struct error *err)
{
    for (int64_t pause_ms = RETRY_MS_MIN;; pause_ms *= 2) {
        struct error why = {0};

        if (connect_if_needed(redis, deadline_ms, &why) == 0 &&
            work(redis, deadline_ms, ctx, &why) == 0) {
            return 0;
        }
        if (pause_ms > RETRY_MS_MAX) {
            pause_ms = RETRY_MS_MAX;
        }
        if (!redis_wants_retry(redis) || clock_mono_ms() + pause_ms >= deadline_ms) {
            return error_set(err, why.code, "%s", why.text);
        }
        clock_sleep_ms(pause_ms);
    }
}

int store_run(struct store *store, session_work *work, void *ctx, struct error *err)
{
    int64_t deadline_ms = clock_mono_ms() + store->timeout_ms;
    struct redis *redis = borrow(store);
    int status = session_run(redis, deadline_ms, work, ctx, err);

    give_back(store, redis);
    return status;
}

/* ---- what a program checks ----------------------------------------------------------------- */

static int check(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    char *warning = ctx;
    const struct redis_info *info = redis_info(redis);

    if (epoch_check_again(redis, deadline_ms, err) < 0) {
        return -1;
    }
    if (info->policy[0] && !streq(info->policy, "noeviction")) {
        return error_set(err, ERR_INVALID,
                         "redis %s: maxmemory-policy is %s, under which any key may vanish: set it "
                         "to noeviction",
                         redis_address(redis), info->policy);
    }
    if (!info->aof) {
        snprintf(warning, 256,
                 "redis %.100s: the append-only file is off, a crash may lose the latest changes: "
                 "set appendonly to yes",
                 redis_address(redis));
    }
    return 0;
}

int store_check(struct store *store, char warning[256], struct error *err)
{
    warning[0] = '\0';
    return store_run(store, check, warning, err);
}

static int read_revision(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    int64_t *revision = ctx;
    AUTO(reply) *reply = redis_call(redis, deadline_ms, err, "GET", KEY_REVISION, NULL);

    if (!reply) {
        return -1;
    }
    *revision = reply->type == REPLY_TEXT ? strtoll(reply->text, NULL, 10) : 0;
    return 0;
}

int store_revision(struct store *store, int64_t *revision, struct error *err)
{
    int64_t found = 0;

    if (store_run(store, read_revision, &found, err) < 0) {
        return -1;
    }
    *revision = found;
    return 0;
}
