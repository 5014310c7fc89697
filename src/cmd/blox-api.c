/* The REST APIs: a supervisor with its workers. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "api/gate.h"
#include "api/supervisor.h"
#include "api/traffic.h"
#include "api/worker.h"
#include "cmd/rows.h"
#include "util/log.h"
#include "util/metrics.h"
#include "util/signals.h"

struct settings {
    char *redis_url;
    char *redis_ca_file;
    int64_t redis_timeout_ms;
    int64_t redis_replicas;
    char *socket_dir;
    int64_t workers;
    int64_t threads;
    int64_t stream_buffer_mb;
    char *key_file;
    char *operators;
    char *viewers;
    char *region;
    char *profile;
    char *endpoint;
    char *endpoint_ecs;
    char *metrics_listen;
    struct gate *gate;
};

#define AT(member) offsetof(struct settings, member)

static const struct option_spec options[] = {
    ROWS_OF_REDIS,
    {"redis-timeout", OPTION_INT, NULL, "MS", "1500", 100, 2500,
     "How long one command may take, in milliseconds.", AT(redis_timeout_ms)},
    {"redis-replicas", OPTION_INT, NULL, "N", "0", 0, 10,
     "How many replicas must have a user's write before it is answered.", AT(redis_replicas)},
    {"socket-dir", OPTION_TEXT, NULL, "DIR", "/run/blox", 0, 0,
     "Where nginx finds scheduler.sock, state.sock and stream.sock; created if missing.",
     AT(socket_dir)},
    {"workers", OPTION_INT, NULL, "N", "2", 1, 64, "Worker processes.", AT(workers)},
    {"threads", OPTION_INT, NULL, "N", "16", 1, 256,
     "Requests which one worker answers at once on each socket.", AT(threads)},
    {"stream-buffer", OPTION_INT, NULL, "MIB", "16", 1, 4096,
     "Changes which a worker keeps ready for streams that are behind, in MiB.",
     AT(stream_buffer_mb)},
    {"key-file", OPTION_TEXT, NULL, "FILE", NULL, 0, 0,
     "Keys of those who may send requests, in JSON; the variable BLOX_KEYS may hold them instead. "
     "Without keys everybody may.",
     AT(key_file)},
    {"operators", OPTION_TEXT, NULL, "PATTERNS", NULL, 0, 0,
     "ARNs, with commas between them and * in them, of the callers who may do everything.",
     AT(operators)},
    {"viewers", OPTION_TEXT, NULL, "PATTERNS", NULL, 0, 0,
     "The same of those who may only read. With either list every other caller is refused.",
     AT(viewers)},
    ROWS_OF_AWS,
    ROW_OF_METRICS(API_METRICS_LISTEN),
    LOG_OPTIONS,
};

static const struct program_spec program = {
    .name = "blox-api",
    .summary = "serves the scheduler API and the cluster state API to nginx",
    .options = options,
    .n_options = ARRAY_LEN(options),
};

static struct store_options store_options(const struct settings *settings)
{
    return (struct store_options){
        .url = settings->redis_url,
        .ca_file = settings->redis_ca_file,
        .timeout_ms = (int)settings->redis_timeout_ms,
        .replicas = (int)settings->redis_replicas,
        .client = "blox-api",
    };
}

static struct aws_options aws_options(const struct settings *settings)
{
    return (struct aws_options){
        .region = settings->region,
        .endpoint = settings->endpoint,
        .endpoint_ecs = settings->endpoint_ecs,
        .profile = settings->profile,
        .user_agent = "blox-api/" PACKAGE_VERSION,
        .reads = {.burst = 20, .rate = 5}, /* a worker's share: the reconciler has more */
    };
}

static int work(void *ctx, const int fds[N_SOCKETS])
{
    const struct settings *settings = ctx;
    const struct worker_options worker = {
        .store = store_options(settings),
        .aws = aws_options(settings),
        .gate = settings->gate,
        .threads = (int)settings->threads,
        .stream_bytes = (size_t)settings->stream_buffer_mb << 20,
    };

    return worker_run(&worker, fds);
}

static void tick(void *ctx)
{
    const struct settings *settings = ctx;

    gate_watch(settings->gate);
}

/* A secret leaves the environment, where others with our user see it, once it has been read. */
static struct gate *open_gate(const struct settings *settings, struct error *err)
{
    char *keys = getenv("BLOX_KEYS");
    const struct gate_options wanted = {
        .key_file = settings->key_file,
        .keys = keys,
        .operators = settings->operators,
        .viewers = settings->viewers,
    };
    struct gate *gate = gate_open(&wanted, err);

    if (keys) {
        explicit_bzero(keys, strlen(keys));
        unsetenv("BLOX_KEYS");
    }
    return gate;
}

/* What is wrong about Redis' URL or AWS is said once, and not by each worker. Nothing is sent. */
static int check_edges(const struct settings *settings, struct error *err)
{
    const struct store_options redis = store_options(settings);
    const struct aws_options aws = aws_options(settings);
    AUTO(store) *store = store_open(&redis, err);

    return store ? aws_check(&aws, err) : -1;
}

static int run_supervisor(struct settings *settings, struct error *err)
{
    const struct supervisor_options supervisor = {
        .socket_dir = settings->socket_dir,
        .workers = (int)settings->workers,
        .metrics_listen = settings->metrics_listen,
        .work = work,
        .tick = tick,
        .ctx = settings,
    };
    AUTO(gate) *gate = open_gate(settings, err);

    settings->gate = gate;
    if (!gate || check_edges(settings, err) < 0 || signals_catch(err) < 0) {
        return -1;
    }
    return supervisor_run(&supervisor, err);
}

static int run(void *ctx, struct error *err)
{
    struct settings *settings = ctx;

    traffic_open();
    int status = metrics_open(METRICS_OF_API, (size_t)settings->workers, err);

    if (status == 0) {
        status = run_supervisor(settings, err);
    }
    metrics_close();
    traffic_close();
    return status;
}

int main(int argc, char **argv)
{
    struct settings settings = {0};

    return program_main(&program, argc, argv, &settings, run);
}
