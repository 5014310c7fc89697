/* One connection to Redis over our own transport; hiredis formats commands and reads replies. */
#include "store/redis.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "net/transport.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/metrics.h"

#define READ_LEN    (16 * 1024) /* hiredis' reader drops larger buffers whenever they run empty */
#define CALL_ARGS   16          /* of one redis_call */
#define ADDRESS_LEN 300
#define REFUSAL_LEN 120 /* of Redis' words in an error */
#define DIGESTS     8   /* at least SCRIPT_COUNT */
#define MAJOR_MIN   7   /* scripts with "#!lua" */

struct redis {
    struct redis_settings settings;
    int wake_fd;
    struct transport *transport; /* NULL: not connected */
    redisReader *reader;
    struct redis_info info;
    bool retry;            /* see redis_wants_retry */
    unsigned replicas_met; /* where a primary was looked for: its name may have more addresses */
    char address[ADDRESS_LEN];
    char digests[DIGESTS][DIGEST_LEN];
    struct redis_info known; /* see redis_remember; its identity is "" while there is none */
    int64_t known_at_ms;
};

/* ---- replies: built by hiredis' reader through these functions ----------------------------- */

/* Puts a new reply into its place and gives it; `more` bytes follow the struct, not yet set. */
static struct reply *new_reply(const redisReadTask *task, enum reply_type type, size_t more)
{
    struct reply *reply = xmalloc(sizeof(*reply) + more);

    *reply = (struct reply){.type = type};
    if (task->parent) {
        struct reply *parent = task->parent->obj;

        parent->items[task->idx] = reply;
    }
    return reply;
}

static void *new_text(const redisReadTask *task, char *text, size_t len)
{
    bool refused = task->type == REDIS_REPLY_ERROR;
    struct reply *reply = new_reply(task, refused ? REPLY_ERROR : REPLY_TEXT, len + 1);
    char *copy = (char *)(reply + 1);

    memcpy(copy, text, len);
    copy[len] = '\0';
    reply->text = copy;
    reply->len = len;
    return reply;
}

static void *new_array(const redisReadTask *task, int n)
{
    size_t items = n > 0 ? (size_t)n : 0;
    struct reply *reply = new_reply(task, REPLY_ARRAY, items * sizeof(struct reply *));

    reply->items =
        memset(reply + 1, 0, items * sizeof(struct reply *)); /* half-built ones are freed */
    reply->n = items;
    return reply;
}

static void *new_integer(const redisReadTask *task, long long n)
{
    struct reply *reply = new_reply(task, REPLY_INTEGER, 0);

    reply->integer = n;
    return reply;
}

static void *new_nil(const redisReadTask *task)
{
    return new_reply(task, REPLY_NIL, 0);
}

static void free_any(void *reply)
{
    reply_free(reply);
}

static redisReplyObjectFunctions reply_functions = {new_text, new_array, new_integer, new_nil,
                                                    free_any};

/* ---- the connection ------------------------------------------------------------------------ */

struct redis *redis_new(const struct redis_settings *settings, int wake_fd)
{
    struct redis *redis = xcalloc(1, sizeof(*redis));

    redis->settings = *settings;
    redis->wake_fd = wake_fd;
    snprintf(redis->address, sizeof(redis->address), "%s",
             settings->url->path ? settings->url->path : settings->url->hosts[0].name);
    return redis;
}

void redis_close(struct redis *redis)
{
    transport_free(TAKE(redis->transport));
    if (redis->reader) {
        redisReaderFree(TAKE(redis->reader));
    }
    memset(redis->digests, 0, sizeof(redis->digests));
    redis->known.identity[0] = '\0';
}

void redis_free(struct redis *redis)
{
    if (!redis) {
        return;
    }
    redis_close(redis);
    free(redis);
}

bool redis_is_usable(struct redis *redis)
{
    return redis->transport && transport_is_quiet(redis->transport);
}

bool redis_wants_retry(const struct redis *redis)
{
    return redis->retry;
}

const char *redis_address(const struct redis *redis)
{
    return redis->address;
}

const struct redis_info *redis_info(const struct redis *redis)
{
    return &redis->info;
}

void redis_remember(struct redis *redis)
{
    redis->known = redis->info;
    redis->known_at_ms = clock_mono_ms();
}

bool redis_is_same(const struct redis *redis, const char *identity)
{
    return identity[0] && streq(redis->known.identity, identity) &&
           streq(redis->known.run_id, redis->info.run_id) && !redis->info.was_replica &&
           clock_mono_ms() - redis->known_at_ms <= REDIS_SAME_MS;
}

char *redis_digest(struct redis *redis, size_t script)
{
    return redis->digests[script];
}

static void count_error(enum error_code code)
{
    metric_add(METRIC_REDIS_ERRORS, metric_value_of(METRIC_REDIS_ERRORS, 0, error_code_name(code)),
               1);
}

int redis_refuse(struct redis *redis, const struct reply *refusal, struct error *err)
{
    struct redis_refusal what = redis_refusal_of(refusal->text);
    size_t len = strlen(refusal->text);
    bool stop = len > 0 && refusal->text[len - 1] == '.'; /* before our own advice it reads ill */

    count_error(what.code);
    if (what.elsewhere) {
        redis->retry = true;
        redis_close(redis);
    }
    return error_set(err, what.code, "redis %s: %.*s%s%s", redis->address,
                     len - stop < REFUSAL_LEN ? (int)(len - stop) : REFUSAL_LEN, refusal->text,
                     what.advice ? ": " : "", what.advice ? what.advice : "");
}

/* Reads until one reply is whole. */
static struct reply *read_reply(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    char piece[READ_LEN];

    for (;;) {
        void *reply = NULL;

        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            error_set(err, ERR_PROTOCOL, "the answer is not Redis' protocol: %s",
                      redis->reader->errstr);
            return NULL;
        }
        if (reply) {
            return reply;
        }
        ssize_t n = transport_read(redis->transport, piece, sizeof(piece), deadline_ms, err);

        if (n < 0) {
            return NULL;
        }
        redisReaderFeed(redis->reader, piece, (size_t)n);
    }
}

/* XREAD waits for changes: how long says nothing about Redis. */
static void count_call(const char *name, int64_t began_us)
{
    size_t command = metric_value_of(METRIC_REDIS_CALLS, 0, name);

    metric_add(METRIC_REDIS_CALLS, command, 1);
    if (!streq(name, "XREAD")) {
        metric_observe_us(METRIC_REDIS_CALL_DURATION, command, clock_mono_us() - began_us);
    }
}

struct reply *redis_exchange(struct redis *redis, int64_t deadline_ms, size_t argc,
                             const char **argv, const size_t *lens, struct error *err)
{
    char *command = NULL;
    struct reply *reply = NULL;

    redis->retry = false;
    if (!redis->transport) {
        error_set(err, ERR_UNAVAILABLE, "redis %s: not connected", redis->address);
        return NULL;
    }
    int len = redisFormatCommandArgv(&command, (int)argc, argv, lens);

    if (len < 0) {
        error_set(err, ERR_INTERNAL, "redis: no memory for a command");
        return NULL;
    }
    int64_t began_us = clock_mono_us();

    if (transport_write(redis->transport, command, (size_t)len, deadline_ms, err) == 0) {
        reply = read_reply(redis, deadline_ms, err);
    }
    redisFreeCommand(command);
    count_call(argv[0], began_us);
    if (!reply) {
        count_error(err ? err->code : ERR_UNAVAILABLE);
        redis_close(redis); /* what was sent may have been applied */
        error_prefix(err, "redis %s", redis->address);
    }
    return reply;
}

struct reply *redis_call_argv(struct redis *redis, int64_t deadline_ms, size_t argc,
                              const char **argv, const size_t *lens, struct error *err)
{
    AUTO(reply) *reply = redis_exchange(redis, deadline_ms, argc, argv, lens, err);

    if (reply && reply->type == REPLY_ERROR) {
        redis_refuse(redis, reply, err);
        return NULL;
    }
    return TAKE(reply);
}

struct reply *redis_call(struct redis *redis, int64_t deadline_ms, struct error *err, ...)
{
    const char *argv[CALL_ARGS];
    size_t argc = 0;
    va_list args;

    va_start(args, err);
    while (argc < CALL_ARGS && (argv[argc] = va_arg(args, const char *))) {
        argc++;
    }
    va_end(args);
    return redis_call_argv(redis, deadline_ms, argc, argv, NULL, err);
}

/* ---- connecting ---------------------------------------------------------------------------- */

/* A connection to one host (or, with NULL, to the unix socket), not yet logged in. */
static int dial(struct redis *redis, const char *host, int port, bool sentinel, int64_t deadline_ms,
                struct error *err)
{
    const struct redis_url *url = redis->settings.url;
    struct transport_target target = {
        .path = url->path, .host = host, .port = port, .skip = redis->replicas_met};

    redis_close(redis);
    if (url->tls && !sentinel) {
        target.tls = redis->settings.tls;
    }
    if (url->path) {
        snprintf(redis->address, sizeof(redis->address), "%s", url->path);
    } else {
        snprintf(redis->address, sizeof(redis->address), strchr(host, ':') ? "[%s]:%d" : "%s:%d",
                 host, port);
    }
    redis->transport = transport_open(&target, redis->wake_fd, deadline_ms, err);
    metric_add(METRIC_REDIS_CONNECTS, redis->transport ? RESULT_OK : RESULT_FAILED, 1);
    if (!redis->transport) {
        return error_prefix(err, "%s %s", sentinel ? "sentinel" : "redis", redis->address);
    }
    redis->reader = redisReaderCreateWithFunctions(&reply_functions);
    return 0;
}

/* Asks one sentinel where the primary is. */
static struct reply *ask_sentinel(struct redis *redis, const struct redis_host *sentinel,
                                  int64_t deadline_ms, struct error *err)
{
    const char *name = redis->settings.url->master;

    if (dial(redis, sentinel->name, sentinel->port, true, deadline_ms, err) < 0) {
        return NULL;
    }
    AUTO(reply) *answer =
        redis_call(redis, deadline_ms, err, "SENTINEL", "get-master-addr-by-name", name, NULL);

    if (answer && (!reply_text_at(answer, 0) || !reply_text_at(answer, 1))) {
        error_set(err, ERR_UNAVAILABLE, "sentinel %s knows no primary \"%s\"", redis->address,
                  name);
        return NULL;
    }
    return TAKE(answer);
}

/* The first sentinel which knows the primary decides. */
static int dial_by_sentinel(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    const struct redis_url *url = redis->settings.url;
    struct error why = {0};

    for (size_t h = 0; h < url->n_hosts; h++) {
        int64_t now_ms = clock_mono_ms();
        int64_t share_ms = (deadline_ms - now_ms) / (int64_t)(url->n_hosts - h + 1);

        error_clear(&why);
        AUTO(reply) *primary = ask_sentinel(redis, &url->hosts[h], now_ms + share_ms, &why);

        if (primary) {
            return dial(redis, reply_text_at(primary, 0), atoi(reply_text_at(primary, 1)), false,
                        deadline_ms, err);
        }
    }
    redis_close(redis);
    return error_set(err, why.code, "no sentinel says where \"%s\" is; the last: %s", url->master,
                     why.text);
}

/* A command of the login whose answer does not matter. */
static int say(struct redis *redis, int64_t deadline_ms, struct error *err, const char *one,
               const char *two, const char *three)
{
    AUTO(reply) *reply = redis_call(redis, deadline_ms, err, one, two, three, NULL);

    return reply ? 0 : -1;
}

static int log_in(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    const struct redis_url *url = redis->settings.url;
    const char *client = redis->settings.client;
    char db[16];

    if (url->password && say(redis, deadline_ms, err, "AUTH", url->user ? url->user : url->password,
                             url->user ? url->password : NULL) < 0) {
        if (err && err->code == ERR_PROTOCOL) { /* old servers say plainly ERR */
            err->code = ERR_DENIED;
        }
        return -1;
    }
    snprintf(db, sizeof(db), "%d", url->db);
    if (url->db != 0 && say(redis, deadline_ms, err, "SELECT", db, NULL) < 0) {
        return -1;
    }
    return client ? say(redis, deadline_ms, err, "CLIENT", "SETNAME", client) : 0;
}

int redis_read_info(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    AUTO(reply) *info = redis_call(redis, deadline_ms, err, "INFO", NULL);

    if (!info) {
        return -1;
    }
    if (info->type != REPLY_TEXT) {
        return error_set(err, ERR_PROTOCOL, "redis %s: INFO gave no text", redis->address);
    }
    redis_info_parse(info->text, &redis->info);
    if (redis->info.major < MAJOR_MIN) {
        redis_close(redis);
        return error_set(err, ERR_INVALID, "redis %s is version %d.%d: Blox needs %d.0 or later",
                         redis->address, redis->info.major, redis->info.minor, MAJOR_MIN);
    }
    if (redis->info.primary && !redis->info.loading) {
        return 0;
    }
    redis_close(redis);
    redis->retry = true;
    redis->replicas_met += !redis->info.loading;
    return error_set(err, ERR_UNAVAILABLE, "redis %s %s", redis->address,
                     redis->info.loading
                         ? "is still loading its data: wait"
                         : "is a replica: promote it, or point the Redis URL at the primary");
}

int redis_dial(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    const struct redis_url *url = redis->settings.url;
    const struct redis_host *host = &url->hosts[0];

    redis->retry = false;
    int dialled = url->master ? dial_by_sentinel(redis, deadline_ms, err)
                              : dial(redis, host->name, host->port, false, deadline_ms, err);

    if (dialled < 0) {
        return -1;
    }
    if (log_in(redis, deadline_ms, err) < 0) {
        redis_close(redis);
        return -1;
    }
    return 0;
}

int redis_connect(struct redis *redis, int64_t deadline_ms, struct error *err)
{
    if (redis_dial(redis, deadline_ms, err) < 0) {
        return -1;
    }
    if (redis_read_info(redis, deadline_ms, err) < 0) {
        redis_close(redis);
        return -1;
    }
    return 0;
}
