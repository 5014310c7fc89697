/* Starts, stops and kills redis-server for the tests. */
#include "server.h"

#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/mem.h"

#define ARGS_MAX 48

struct server {
    pid_t pid; /* 0: not running */
    char *dir;
    char *url;
    int port;
    int port_fd; /* holds the port, see free_port */
    char *args[ARGS_MAX];
    size_t n_args;
    struct redis_url *parsed;
    struct redis *redis;
};

bool skip_without_server(void)
{
    if (system("redis-server --version >/dev/null 2>&1") == 0) {
        signal(SIGPIPE, SIG_IGN);
        return false;
    }
    puts("1..0 # SKIP redis-server is missing");
    return true;
}

/* A TCP port which stays ours while *fd is open, see peer_free_port. */
static int free_port(int *fd_out)
{
    struct sockaddr_in any = {.sin_family = AF_INET}; /* all addresses: tests use several */
    socklen_t len = sizeof(any);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    *fd_out = fd;
    return ntohs(any.sin_port);
}

static void add_arg(struct server *server, const char *arg)
{
    assert_true(server->n_args + 1 < ARGS_MAX);
    server->args[server->n_args++] = xstrdup(arg);
}

static void launch(struct server *server)
{
    server->pid = fork();
    if (server->pid == 0) {
        AUTO_CHAR *log = xasprintf("%s/log", server->dir);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execvp(server->args[0], server->args);
        _exit(127);
    }
    assert_true(server->pid > 0);
}

/* Waits until it answers, as whatever it is, with its data loaded. */
static void await(struct server *server)
{
    const char *ping[] = {"PING"};
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    struct error err = {0};

    do {
        int64_t deadline_ms = clock_mono_ms() + PATIENCE_MS;

        error_clear(&err);
        if (redis_dial(server->redis, deadline_ms, &err) == 0) {
            AUTO(reply) *reply = redis_exchange(server->redis, deadline_ms, 1, ping, NULL, &err);

            if (reply && strncmp(reply->text, "LOADING", 7) != 0) {
                return;
            }
        }
        clock_sleep_ms(5);
    } while (clock_mono_ms() < until_ms);
    fail_msg("redis-server in %s: %s", server->dir, err.text);
}

/* Not started yet. */
static struct server *server_new(void)
{
    struct server *server = xcalloc(1, sizeof(*server));
    char dir[] = "/tmp/blox-test-XXXXXX";

    server->dir = xstrdup(mkdtemp(dir));
    server->port = free_port(&server->port_fd);
    return server;
}

static void start(struct server *server)
{
    struct redis_settings settings = {0};

    server->parsed = redis_url_parse(server->url, NULL);
    settings.url = server->parsed;
    server->redis = redis_new(&settings, -1);
    launch(server);
    await(server);
}

struct server *server_start_with(const char *const *more)
{
    struct server *server = server_new();
    AUTO_CHAR *port = xasprintf("%d", server->port);

    server->url = xasprintf("unix://%s/redis.sock", server->dir);
    const char *fixed[] = {
        "redis-server", "--port", "0", "--unixsocket", server->url + strlen("unix://"), "--dir",
        server->dir,    "--save", ""};

    for (size_t a = 0; a < ARRAY_LEN(fixed); a++) {
        add_arg(server, fixed[a]);
    }
    for (; *more; more++) {
        add_arg(server, streq(*more, "PORT") ? port : *more);
    }
    start(server);
    return server;
}

struct server *server_start_sentinel(const char *name, const struct server *primary)
{
    struct server *server = server_new();
    AUTO_CHAR *port = xasprintf("%d", server->port);
    AUTO_CHAR *settings = xasprintf("%s/sentinel.conf", server->dir);
    FILE *file = fopen(settings, "we");

    assert_non_null(file);
    fprintf(file,
            "sentinel monitor %s 127.0.0.1 %d 1\nsentinel down-after-milliseconds %s 2000\n"
            "sentinel failover-timeout %s 2000\n",
            name, primary->port, name, name);
    fclose(file);
    server->url = xasprintf("redis://127.0.0.1:%d", server->port);
    const char *fixed[] = {"redis-server", settings, "--sentinel", "--port",
                           port,           "--dir",  server->dir};

    for (size_t a = 0; a < ARRAY_LEN(fixed); a++) {
        add_arg(server, fixed[a]);
    }
    start(server);
    return server;
}

static void end(struct server *server, int with)
{
    if (server->pid > 0) {
        kill(server->pid, SIGCONT);
        kill(server->pid, with);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

void server_kill(struct server *server)
{
    end(server, SIGKILL);
}

void server_stop(struct server *server)
{
    end(server, SIGTERM);
}

void server_signal(struct server *server, int signal)
{
    kill(server->pid, signal);
}

void server_resume(struct server *server)
{
    launch(server);
    await(server);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    return ftw->level > 0 ? remove(path) : 0;
}

static void empty_dir(const struct server *server)
{
    nftw(server->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void server_resume_empty(struct server *server)
{
    empty_dir(server);
    server_resume(server);
}

void server_free(struct server *server)
{
    if (!server) {
        return;
    }
    end(server, SIGKILL);
    redis_free(server->redis);
    redis_url_free(server->parsed);
    close(server->port_fd);
    empty_dir(server);
    rmdir(server->dir);
    for (size_t a = 0; a < server->n_args; a++) {
        free(server->args[a]);
    }
    free(server->dir);
    free(server->url);
    free(server);
}

const char *server_url(const struct server *server)
{
    return server->url;
}

int server_port(const struct server *server)
{
    return server->port;
}

struct reply *server_call(struct server *server, ...)
{
    const char *argv[32];
    size_t argc = 0;
    struct error err = {0};
    va_list args;

    va_start(args, server);
    while (argc < ARRAY_LEN(argv) && (argv[argc] = va_arg(args, const char *))) {
        argc++;
    }
    va_end(args);
    if (!redis_is_usable(server->redis)) {
        assert_ok(redis_dial(server->redis, clock_mono_ms() + PATIENCE_MS, &err), &err);
    }
    struct reply *reply =
        redis_call_argv(server->redis, clock_mono_ms() + PATIENCE_MS, argc, argv, NULL, &err);

    if (!reply) {
        fail_msg("%s: %s", argv[0], err.text);
    }
    return reply;
}

int64_t server_number(struct server *server, const char *one, const char *two, const char *three)
{
    AUTO(reply) *reply = server_call(server, one, two, three, NULL);

    return reply->type == REPLY_INTEGER ? reply->integer
           : reply->type == REPLY_TEXT  ? strtoll(reply->text, NULL, 10)
                                        : 0;
}

static struct store *open_for(const char *url, const char *ca_file, int replicas, int timeout_ms)
{
    const struct store_options options = {.url = url,
                                          .ca_file = ca_file,
                                          .timeout_ms = timeout_ms,
                                          .replicas = replicas,
                                          .client = "blox-test"};
    struct error err = {0};
    struct store *store = store_open(&options, &err);

    if (!store) {
        fail_msg("%s", err.text);
    }
    return store;
}

struct store *open_store(const char *url)
{
    return open_for(url, NULL, 0, TIMEOUT_MS);
}

struct store *open_with(const char *url, const char *ca_file, int replicas)
{
    return open_for(url, ca_file, replicas, TIMEOUT_MS);
}

struct store *open_impatient(const char *url, const char *ca_file, int replicas)
{
    return open_for(url, ca_file, replicas, SHORT_MS);
}

int check_store(struct store *store, struct error *err)
{
    char warning[256];

    return store_check(store, warning, err);
}

int put_body(struct store *store, const char *key, const char *body, bool durable,
             struct error *err)
{
    const struct commit_op op = {
        .kind = KIND_TASK, .key = key, .version = "1", .fields = "a", .body = body};
    struct commit commit = {.cause = "event", .ops = &op, .n_ops = 1, .durable = durable};
    struct commit_result result = {0};

    commit_id_make(commit.id);
    return store_commit(store, &commit, &result, err);
}

void assert_refused(const char *url, const char *ca_file, enum error_code code, const char *because)
{
    AUTO(store) *store = open_impatient(url, ca_file, 0);
    struct error err = {0};
    char warning[256];
    int64_t began_ms = clock_mono_ms();

    assert_int_equal(store_check(store, warning, &err), -1);
    if (err.code != code || !strstr(err.text, because)) {
        fail_msg("want %s with \"%s\", got %s: %s", error_code_name(code), because,
                 error_code_name(err.code), err.text);
    }
    assert_true(clock_mono_ms() - began_ms < SHORT_MS + PATIENCE_MS / 2);
}
