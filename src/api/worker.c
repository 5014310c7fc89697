/* Puts a worker together and takes it apart. */
#include "api/worker.h"

#include <sys/resource.h>
#include <unistd.h>

#include "api/api.h"
#include "api/gate.h"
#include "api/hub.h"
#include "api/traffic.h"
#include "net/fcgi.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/signals.h"

#define STORE_CHECK_MS 1000  /* how often Redis is asked until it answers */
#define LOAD_WAIT_MS   2000  /* a worker accepts nothing for so long while it is loading */
#define DRAIN_MS       12000 /* requests under way may go on for so long after a stop */
#define KEYS_MS        1000  /* how often the keys are looked at when no request comes */
#define STREAM_THREADS 2     /* only begin streams: the hub goes on with them */

struct worker {
    struct api api;
    struct service services[N_SOCKETS];
    struct fcgi *pools[N_SOCKETS];
};

static void init_services(struct worker *worker)
{
    worker->services[SOCKET_SCHEDULER] = (struct service){
        .name = "scheduler",
        .routes = scheduler_routes,
        .failure_text = "Server Error",
        .api = &worker->api,
        .first_route = traffic_first_route(scheduler_routes),
    };
    worker->services[SOCKET_STATE] = (struct service){
        .name = "state",
        .routes = state_routes,
        .failure_text = "Unexpected internal server error",
        .api = &worker->api,
        .first_route = traffic_first_route(state_routes),
    };
    worker->services[SOCKET_STREAM] = worker->services[SOCKET_STATE];
}

static int open_pools(struct worker *worker, const int fds[N_SOCKETS], int threads,
                      struct error *err)
{
    for (int s = 0; s < N_SOCKETS; s++) {
        const struct fcgi_options options = {
            .listen_fd = fds[s],
            .threads = s == SOCKET_STREAM ? STREAM_THREADS : threads,
            .serve = service_serve,
            .ctx = &worker->services[s],
        };

        worker->pools[s] = fcgi_open(&options, err);
        if (!worker->pools[s]) {
            return -1;
        }
    }
    return 0;
}

/* False when a request is still under way. */
static bool close_pools(struct worker *worker)
{
    int64_t until_ms = clock_mono_ms() + DRAIN_MS;

    for (int s = 0; s < N_SOCKETS; s++) {
        if (worker->pools[s]) {
            fcgi_stop(worker->pools[s]);
        }
    }
    for (int s = 0; s < N_SOCKETS; s++) {
        int64_t left_ms = until_ms - clock_mono_ms();

        if (worker->pools[s] && !fcgi_wait(worker->pools[s], left_ms > 0 ? (int)left_ms : 0)) {
            return false;
        }
        fcgi_free(worker->pools[s]);
    }
    return true;
}

/* Until Redis has answered it may be anything; from then on it is one that does not evict. -1 when
 * it never will do; 0 when it does, a stop was asked for, or until_ms has come. */
static int wait_for_store(struct api *api, int64_t until_ms, struct error *err)
{
    struct log_repeat told = {0};

    while (!atomic_load(&api->store_checked) && clock_mono_ms() < until_ms &&
           !signals_wait_stop(0)) {
        char warning[256] = "";
        struct error why = {0};

        if (store_check(api->store, warning, &why) == 0) {
            if (*warning) {
                log_warn("store.warning", "text=\"%s\"", warning);
            }
            atomic_store(&api->store_checked, true);
            return 0;
        }
        if (why.code == ERR_INVALID) {
            return error_set(err, why.code, "%s", why.text);
        }
        /* of an outage the view speaks */
        if (why.code != ERR_UNAVAILABLE && log_is_due(&told, why.text, clock_mono_ms())) {
            log_warn("store.unavailable", "text=\"%s\"", why.text);
        }
        signals_wait_stop(STORE_CHECK_MS);
    }
    return 0;
}

/* A worker that takes the place of a dead one leaves the requests to its siblings until it knows
 * something; with Redis away it answers all the same, 503 where it must. */
static int wait_for_load(struct api *api, struct error *err)
{
    int64_t until_ms = clock_mono_ms() + LOAD_WAIT_MS;

    if (wait_for_store(api, until_ms, err) < 0) {
        return -1;
    }
    int64_t left_ms = until_ms - clock_mono_ms();
    struct error late = {0};

    if (view_wait(api->view, 1, left_ms > 0 ? (int)left_ms : 0, &late) < 0) {
        log_warn("view.late",
                 "text=\"the state is not loaded after %d ms; answers are 503 until it is\"",
                 LOAD_WAIT_MS);
    }
    return 0;
}

static int work(struct worker *worker, const struct worker_options *options, const int fds[],
                struct error *err)
{
    if (wait_for_load(&worker->api, err) < 0 ||
        open_pools(worker, fds, options->threads, err) < 0 ||
        wait_for_store(&worker->api, INT64_MAX, err) < 0) {
        return -1;
    }
    while (!signals_wait_stop(KEYS_MS)) {
        gate_refresh(worker->api.gate);
    }
    return 0;
}

/* Each stream has a connection; the soft limit is often 1024. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int worker_run(const struct worker_options *options, const int fds[N_SOCKETS])
{
    struct error err = {0};
    struct worker worker = {0};
    AUTO(store) *store = store_open(&options->store, &err);
    AUTO(aws) *aws = store ? aws_open(&options->aws, &err) : NULL;
    AUTO(hub) *hub = aws ? hub_open(store, options->gate, options->stream_bytes, &err) : NULL;
    struct view_listener listener = hub ? hub_listener(hub) : (struct view_listener){0};
    const struct view_options heard = {.listener = &listener};

    listener.trouble = say_outage;
    AUTO(view) *view = hub ? view_open(store, &heard, &err) : NULL;

    if (!view) {
        return log_fatal(&err);
    }
    allow_descriptors();
    worker.api = (struct api){.store = store,
                              .view = view,
                              .aws = aws,
                              .gate = options->gate,
                              .hub = hub,
                              .copies = COPIES_INIT};
    init_services(&worker);
    log_info("worker.started", "threads=%d", options->threads);
    int status = work(&worker, options, fds, &err) < 0 ? log_fatal(&err) : 0;

    if (!close_pools(&worker)) {
        log_warn("worker.cut", "drain_ms=%d", DRAIN_MS);
        _exit(status); /* a thread works with what is freed otherwise */
    }
    hub_stop(hub);
    log_info("worker.stopped", "%s", "");
    return status;
}
