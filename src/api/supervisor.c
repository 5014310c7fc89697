/* Sockets, workers, back-off. */
#include "api/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "net/listen.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"
#include "util/signals.h"

#define LOCK_NAME "blox-api.lock"

static const char *const socket_names[N_SOCKETS] = {
    [SOCKET_SCHEDULER] = "scheduler.sock",
    [SOCKET_STATE] = "state.sock",
    [SOCKET_STREAM] = "stream.sock",
};

#define RESTART_MIN_MS 100   /* the first restart waits so long, each further one twice as long, */
#define RESTART_MAX_MS 10000 /* up to this, */
#define STEADY_MS      10000 /* until a worker has lived so long */
#define TICK_MS        5000
#define STOP_MS        15000 /* a worker which is not gone by then is killed */

struct worker_slot {
    pid_t pid; /* 0: none */
    int64_t started_ms;
    int64_t start_at_ms; /* not before, when there is none */
    int pause_ms;        /* of the last restart */
};

struct supervisor {
    const struct supervisor_options *options;
    int lock_fd;
    int fds[N_SOCKETS];
    int child_fd;            /* readable when a worker ended */
    struct monitor *monitor; /* or NULL; without threads, for we fork */
    bool stopping;
    struct worker_slot *slots;
    int64_t tick_at_ms;
    bool refused; /* a worker found the settings unusable */
};

/* ---- how we are ------------------------------------------------------------------------------ */

static bool is_up(size_t slot)
{
    double up = 0;

    return metric_get(slot, METRIC_WORKER_UP, 0, &up) && up > 0;
}

/* A worker which is missing is started again: that is life, too. */
static void check_live(void *ctx, struct health *health)
{
    const struct supervisor *sup = ctx;

    health_add(health, "supervisor", HEALTH_OK, "%d workers wanted", sup->options->workers);
    for (size_t slot = 1; slot < metrics_n_slots(); slot++) {
        char who[32];

        snprintf(who, sizeof(who), "worker %zu ", slot - 1);
        if (is_up(slot)) {
            health_add_loops(health, who, slot);
        }
    }
}

static bool is_loaded(size_t slot)
{
    double revision = 0;

    return metric_get(slot, METRIC_VIEW_REVISION, 0, &revision);
}

/* One worker that is ready will do; those which are not yet are shown. */
static void check_ready(void *ctx, struct health *health)
{
    const struct supervisor *sup = ctx;
    bool any = false;

    if (sup->stopping) {
        health_add(health, "supervisor", HEALTH_FAILED, "stopping");
    }
    for (size_t slot = 1; slot < metrics_n_slots(); slot++) {
        any = any || is_loaded(slot);
    }
    for (size_t slot = 1; slot < metrics_n_slots(); slot++) {
        char who[32];

        snprintf(who, sizeof(who), "worker %zu ", slot - 1);
        if (any && !is_loaded(slot)) {
            health_add(health, who, HEALTH_DEGRADED, "has not loaded the state yet");
        } else {
            health_add_view(health, who, slot);
        }
    }
}

/* ---- opening and closing --------------------------------------------------------------------- */

static int watch_children(struct error *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        return error_set(err, ERR_INTERNAL, "cannot block SIGCHLD: %s", strerror(errno));
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

    return fd < 0 ? error_set(err, ERR_INTERNAL, "signalfd: %s", strerror(errno)) : fd;
}

static int open_monitor(struct supervisor *sup, struct error *err)
{
    const struct monitor_options options = {
        .address = sup->options->metrics_listen,
        .standard = API_METRICS_LISTEN,
        .mode = SERVER_POLLED,
        .live = check_live,
        .ready = check_ready,
        .ctx = sup,
    };
    char warning[256];

    if (monitor_open(&options, &sup->monitor, warning, err) < 0) {
        return -1;
    }
    if (warning[0]) {
        log_warn("metrics.off", "text=\"%s\"", warning);
    }
    if (sup->monitor) {
        log_info("metrics.ready", "port=%d", server_port(monitor_server(sup->monitor)));
    }
    return 0;
}

static int open_all(struct supervisor *sup, struct error *err)
{
    const char *dir = sup->options->socket_dir;

    sup->lock_fd = listen_lock(dir, LOCK_NAME, err);
    if (sup->lock_fd < 0) {
        return -1;
    }
    for (int s = 0; s < N_SOCKETS; s++) {
        sup->fds[s] = listen_unix(dir, socket_names[s], err);
        if (sup->fds[s] < 0) {
            return -1;
        }
    }
    sup->child_fd = watch_children(err);
    return sup->child_fd < 0 ? -1 : open_monitor(sup, err);
}

static void unlink_socket(const char *dir, const char *name)
{
    AUTO_CHAR *path = xasprintf("%s/%s", dir, name);

    unlink(path);
}

/* Whoever connects from now on is told at once that nobody is there. */
static void unlink_sockets(const struct supervisor *sup)
{
    for (int s = 0; s < N_SOCKETS; s++) {
        if (sup->fds[s] >= 0) {
            unlink_socket(sup->options->socket_dir, socket_names[s]);
        }
    }
}

static void close_all(struct supervisor *sup)
{
    for (int s = 0; s < N_SOCKETS; s++) {
        if (sup->fds[s] >= 0) {
            close(sup->fds[s]);
        }
    }
    if (sup->child_fd >= 0) {
        close(sup->child_fd);
    }
    if (sup->lock_fd >= 0) {
        close(sup->lock_fd);
    }
    monitor_free(sup->monitor);
    free(sup->slots);
}

/* ---- workers --------------------------------------------------------------------------------- */

/* In the child. It ends with its parent, whatever becomes of that. */
NORETURN static void become_worker(struct supervisor *sup, size_t worker, pid_t parent)
{
    const struct supervisor_options *options = sup->options;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        exit(EXIT_SUCCESS);
    }
    close(sup->lock_fd); /* the lock is the supervisor's alone */
    close(sup->child_fd);
    if (sup->monitor) {
        server_abandon(monitor_server(sup->monitor));
    }
    free(sup->slots);
    metrics_become_worker(worker);
    exit(options->work(options->ctx, sup->fds));
}

static void start_worker(struct supervisor *sup, struct worker_slot *slot)
{
    sup->options->tick(sup->options->ctx);

    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0) {
        become_worker(sup, (size_t)(slot - sup->slots), parent);
    }
    if (pid < 0) {
        log_error("worker.fork", "text=\"%s\"", strerror(errno));
        slot->start_at_ms = clock_mono_ms() + RESTART_MAX_MS;
        return;
    }
    slot->pid = pid;
    slot->started_ms = clock_mono_ms();
}

static void start_due(struct supervisor *sup)
{
    for (int w = 0; w < sup->options->workers; w++) {
        struct worker_slot *slot = &sup->slots[w];

        if (!slot->pid && clock_mono_ms() >= slot->start_at_ms) {
            start_worker(sup, slot);
        }
    }
}

static void plan_restart(struct worker_slot *slot)
{
    int64_t now_ms = clock_mono_ms();

    if (slot->pause_ms == 0 || now_ms - slot->started_ms >= STEADY_MS) {
        slot->pause_ms = RESTART_MIN_MS;
    } else if (slot->pause_ms < RESTART_MAX_MS / 2) {
        slot->pause_ms *= 2;
    } else {
        slot->pause_ms = RESTART_MAX_MS;
    }
    slot->pid = 0;
    slot->start_at_ms = now_ms + slot->pause_ms;
}

static struct worker_slot *find_slot(struct supervisor *sup, pid_t pid)
{
    for (int w = 0; w < sup->options->workers; w++) {
        if (sup->slots[w].pid == pid) {
            return &sup->slots[w];
        }
    }
    return NULL;
}

static void note_end(struct supervisor *sup, pid_t pid, int status, bool expected)
{
    struct worker_slot *slot = find_slot(sup, pid);

    if (!slot) {
        return;
    }
    plan_restart(slot);
    metrics_forget_worker((size_t)(slot - sup->slots));
    metric_add(METRIC_WORKER_RESTARTS, 0, !expected);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EX_USAGE) {
        sup->refused = true; /* the next one would find the same */
    } else if (WIFSIGNALED(status)) {
        log_error("worker.killed", "pid=%ld signal=%d", (long)pid, WTERMSIG(status));
    } else if (!expected) {
        log_error("worker.ended", "pid=%ld status=%d", (long)pid, WEXITSTATUS(status));
    }
}

static void reap(struct supervisor *sup, bool expected)
{
    struct signalfd_siginfo info;
    int status = 0;
    pid_t pid = 0;

    while (read(sup->child_fd, &info, sizeof(info)) > 0) {
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        note_end(sup, pid, status, expected);
    }
}

static int n_alive(const struct supervisor *sup)
{
    int n = 0;

    for (int w = 0; w < sup->options->workers; w++) {
        n += sup->slots[w].pid != 0;
    }
    return n;
}

static void signal_all(const struct supervisor *sup, int signal)
{
    for (int w = 0; w < sup->options->workers; w++) {
        if (sup->slots[w].pid) {
            kill(sup->slots[w].pid, signal);
        }
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Milliseconds until a worker is due; -1 when none is missing. */
static int next_start_ms(const struct supervisor *sup)
{
    int64_t next_ms = -1;

    for (int w = 0; w < sup->options->workers; w++) {
        int64_t left_ms = sup->slots[w].start_at_ms - clock_mono_ms();

        if (!sup->slots[w].pid && (next_ms < 0 || left_ms < next_ms)) {
            next_ms = left_ms > 0 ? left_ms : 0;
        }
    }
    return (int)next_ms;
}

/* Waits for a worker's end or, before one came, a stop; whoever looks at us is answered. */
static void wait_event(const struct supervisor *sup, int timeout_ms)
{
    struct server *server = sup->monitor ? monitor_server(sup->monitor) : NULL;
    int turn_ms = server ? server_turn(server) : -1;
    struct pollfd fds[] = {
        {.fd = sup->child_fd, .events = POLLIN},
        {.fd = sup->stopping ? -1 : signals_fd(), .events = POLLIN},
        {.fd = server ? server_fd(server) : -1, .events = POLLIN},
    };

    if (turn_ms >= 0 && (timeout_ms < 0 || turn_ms < timeout_ms)) {
        timeout_ms = turn_ms;
    }
    if (timeout_ms < 0 || timeout_ms > TICK_MS) {
        timeout_ms = TICK_MS;
    }
    poll(fds, ARRAY_LEN(fds), timeout_ms);
    if (server) {
        server_turn(server);
    }
}

static void supervise(struct supervisor *sup)
{
    while (!signals_wait_stop(0) && !sup->refused) {
        start_due(sup);
        if (clock_mono_ms() >= sup->tick_at_ms) {
            sup->tick_at_ms = clock_mono_ms() + TICK_MS;
            sup->options->tick(sup->options->ctx);
        }
        wait_event(sup, next_start_ms(sup));
        reap(sup, signals_wait_stop(0)); /* a terminal's Ctrl-C reaches the workers, too */
    }
}

static void stop_workers(struct supervisor *sup)
{
    int64_t until_ms = clock_mono_ms() + STOP_MS;

    sup->stopping = true;
    signal_all(sup, SIGTERM);
    while (n_alive(sup) > 0) {
        int64_t left_ms = until_ms - clock_mono_ms();

        if (left_ms <= 0) {
            signal_all(sup, SIGKILL);
        }
        wait_event(sup, left_ms > 0 ? (int)left_ms : RESTART_MIN_MS);
        reap(sup, true);
    }
}

int supervisor_run(const struct supervisor_options *options, struct error *err)
{
    struct supervisor sup = {
        .options = options, .lock_fd = -1, .fds = {-1, -1, -1}, .child_fd = -1};

    sup.slots = xcalloc((size_t)options->workers, sizeof(*sup.slots));
    int rc = open_all(&sup, err);

    if (rc == 0) {
        log_info("supervisor.started", "workers=%d sockets=%s", options->workers,
                 options->socket_dir);
        supervise(&sup);
        unlink_sockets(&sup);
        stop_workers(&sup);
        log_info("supervisor.stopped", "%s", "");
    } else {
        unlink_sockets(&sup);
    }
    if (sup.refused) {
        rc = error_set(err, ERR_INVALID, "a worker refused the settings, see above");
    }
    close_all(&sup);
    return rc;
}
