/* The accept loop, and requests and responses in libfcgi's terms. */
#include "net/fcgi.h"

#include <assert.h>
#include <errno.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/fcgi_writer.h"
#include "util/clock.h"
#include "util/mem.h"

#define ACCEPT_RETRY_MS 10 /* when the process is out of descriptors */

struct fcgi {
    struct fcgi_options options;
    int stop_fd; /* readable once fcgi_stop was called, for all threads at once */
    atomic_bool stopping;
    pthread_t *threads;
    int n_threads;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int n_running; /* under lock */
};

/* ---- one request ----------------------------------------------------------------------------- */

static const char *param(const FCGX_Request *conn, const char *name)
{
    const char *value = FCGX_GetParam(name, conn->envp);

    return value ? value : "";
}

/* Some parameter whose name begins like this came twice: which of them would be meant? */
static bool has_doubled(char *const *envp, const char *prefix)
{
    for (; *envp; envp++) {
        size_t name_len = strcspn(*envp, "=") + 1;

        if (strncmp(*envp, prefix, strlen(prefix)) != 0) {
            continue;
        }
        for (char *const *other = envp + 1; *other; other++) {
            if (strncmp(*envp, *other, name_len) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void read_identity(const FCGX_Request *conn, struct http_request *req)
{
    req->signature = param(conn, "HTTP_X_BLOX_SIGNATURE");
    req->timestamp = param(conn, "HTTP_X_BLOX_TIMESTAMP");
    req->identity = (struct signature_identity){
        .key_id = param(conn, "HTTP_X_BLOX_KEY_ID"),
        .caller_arn = param(conn, "HTTP_X_BLOX_CALLER_ARN"),
        .caller_account = param(conn, "HTTP_X_BLOX_CALLER_ACCOUNT"),
        .caller_id = param(conn, "HTTP_X_BLOX_CALLER_ID"),
        .source_ip = param(conn, "HTTP_X_BLOX_SOURCE_IP"),
        .api_request_id = param(conn, "HTTP_X_BLOX_API_REQUEST_ID"),
    };
    req->identity_doubled = has_doubled(conn->envp, "HTTP_X_BLOX_");
}

static void read_request(const FCGX_Request *conn, char *body, struct http_request *req)
{
    int len = FCGX_GetStr(body, BODY_LEN_MAX + 1, conn->in);

    *req = (struct http_request){
        .method = param(conn, "REQUEST_METHOD"),
        .target = param(conn, "REQUEST_URI"),
        .id = param(conn, "REQUEST_ID"),
        .if_none_match = param(conn, "HTTP_IF_NONE_MATCH"),
        .copy_etag = param(conn, "COPY_ETAG"),
        .may_be_copied = *param(conn, "COPY_STATUS") != '\0',
        .amz_target = param(conn, "HTTP_X_AMZ_TARGET"),
        .body = body,
        .body_len = len > 0 ? (size_t)len : 0,
    };
    read_identity(conn, req);
}

/* The head, and unless somebody else goes on from there all of it. False when the client went away,
 * and nginx' connection with it. */
static bool write_response(const FCGX_Request *conn, const struct http_response *resp, bool head,
                           bool goes_on)
{
    struct fcgi_writer writer;
    AUTO_STRBUF start = {0};

    fcgi_writer_init(&writer, conn->ipcFd, conn->requestId);
    http_response_head(resp, &start);
    fcgi_writer_add(&writer, start.text, start.len);
    if (goes_on) {
        return fcgi_writer_flush(&writer);
    }
    if (!head) {
        fcgi_writer_add(&writer, resp->text.text, resp->text.len);
        for (size_t i = 0; i < resp->n_pieces; i++) {
            fcgi_writer_add(&writer, resp->pieces[i].iov_base, resp->pieces[i].iov_len);
        }
    }
    return fcgi_writer_finish(&writer);
}

/* The connection leaves libfcgi; what follows are its new owner's own records (net/fcgi_stream.h).
 * The members are public but not documented: a system test would notice a change. */
static void hand_over(FCGX_Request *conn, struct http_response *resp)
{
    int fd = conn->ipcFd;
    int request_id = conn->requestId;

    FCGX_Free(conn, 0);
    conn->ipcFd = -1;
    resp->release = NULL;
    resp->hand_over(TAKE(resp->owner), fd, request_id);
}

static void answer(struct fcgi *fcgi, FCGX_Request *conn, char *body)
{
    struct http_request req;
    struct http_response resp = {0};

    read_request(conn, body, &req);
    fcgi->options.serve(fcgi->options.ctx, &req, &resp);
    bool head = streq(req.method, "HEAD");
    bool goes_on = resp.hand_over && !head;
    bool sent = write_response(conn, &resp, head, goes_on);

    http_request_clear(&req); /* borrows from the connection */
    if (sent && goes_on) {
        hand_over(conn, &resp);
    } else {
        FCGX_Free(conn, 1); /* libfcgi has written nothing, and now closes the connection */
    }
    http_response_clear(&resp);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* A thread waits in epoll and not in accept: there it would neither hear of a stop nor could the
 * socket be shared with other processes which go on. */
static int make_epoll(const struct fcgi *fcgi)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event request = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    struct epoll_event stop = {.events = EPOLLIN};

    if (fd >= 0 && (epoll_ctl(fd, EPOLL_CTL_ADD, fcgi->options.listen_fd, &request) < 0 ||
                    epoll_ctl(fd, EPOLL_CTL_ADD, fcgi->stop_fd, &stop) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}

static void accept_loop(struct fcgi *fcgi, int epoll_fd)
{
    AUTO_CHAR *body = xmalloc(BODY_LEN_MAX + 1);
    FCGX_Request conn;
    struct epoll_event event;

    if (FCGX_InitRequest(&conn, fcgi->options.listen_fd, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
        return;
    }
    while (!atomic_load(&fcgi->stopping)) {
        if (epoll_wait(epoll_fd, &event, 1, -1) <= 0 || atomic_load(&fcgi->stopping)) {
            continue;
        }
        int rc = FCGX_Accept_r(&conn);

        if (rc == 0) {
            answer(fcgi, &conn, body);
        } else if (rc != -EAGAIN && rc != -EINTR) { /* another thread was faster: nothing to do */
            clock_sleep_ms(ACCEPT_RETRY_MS);
        }
    }
    FCGX_Free(&conn, 1);
}

static void count_thread(struct fcgi *fcgi, int change)
{
    pthread_mutex_lock(&fcgi->lock);
    fcgi->n_running += change;
    pthread_cond_broadcast(&fcgi->ended);
    pthread_mutex_unlock(&fcgi->lock);
}

static void *run(void *arg)
{
    struct fcgi *fcgi = arg;
    int epoll_fd = make_epoll(fcgi);

    while (epoll_fd < 0 && !atomic_load(&fcgi->stopping)) {
        clock_sleep_ms(ACCEPT_RETRY_MS);
        epoll_fd = make_epoll(fcgi);
    }
    if (epoll_fd >= 0) {
        accept_loop(fcgi, epoll_fd);
        close(epoll_fd);
    }
    count_thread(fcgi, -1);
    return NULL;
}

/* ---- the pool -------------------------------------------------------------------------------- */

/* libfcgi would catch these signals, and after SIGUSR1 never accept again. */
static void init_library(void)
{
    static const int caught[] = {SIGPIPE, SIGTERM, SIGUSR1};
    struct sigaction before[ARRAY_LEN(caught)];

    for (size_t i = 0; i < ARRAY_LEN(caught); i++) {
        sigaction(caught[i], NULL, &before[i]);
    }
    FCGX_Init(); /* fails only without memory */
    for (size_t i = 0; i < ARRAY_LEN(caught); i++) {
        sigaction(caught[i], &before[i], NULL);
    }
}

static struct fcgi *make(const struct fcgi_options *options)
{
    struct fcgi *fcgi = xcalloc(1, sizeof(*fcgi));
    pthread_condattr_t attr;

    fcgi->options = *options;
    fcgi->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fcgi->threads = xcalloc((size_t)options->threads, sizeof(*fcgi->threads));
    pthread_mutex_init(&fcgi->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&fcgi->ended, &attr);
    pthread_condattr_destroy(&attr);
    return fcgi;
}

/* The threads block all signals: libfcgi drops a request when one comes. */
static int start_threads(struct fcgi *fcgi)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (fcgi->n_threads < fcgi->options.threads) {
        count_thread(fcgi, 1);
        if (pthread_create(&fcgi->threads[fcgi->n_threads], NULL, run, fcgi) != 0) {
            count_thread(fcgi, -1);
            break;
        }
        fcgi->n_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return fcgi->n_threads == fcgi->options.threads ? 0 : -1;
}

struct fcgi *fcgi_open(const struct fcgi_options *options, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct fcgi *fcgi = make(options);

    pthread_once(&once, init_library);
    if (fcgi->stop_fd < 0) {
        error_set(err, ERR_INTERNAL, "fastcgi: eventfd: %s", strerror(errno));
        fcgi_free(fcgi);
        return NULL;
    }
    if (start_threads(fcgi) < 0) {
        error_set(err, ERR_INTERNAL, "fastcgi: cannot start %d threads", options->threads);
        fcgi_stop(fcgi);
        while (!fcgi_wait(fcgi, 1000)) {
        }
        fcgi_free(fcgi);
        return NULL;
    }
    return fcgi;
}

void fcgi_stop(struct fcgi *fcgi)
{
    uint64_t one = 1;
    ssize_t rc;

    atomic_store(&fcgi->stopping, true);
    rc = write(fcgi->stop_fd, &one, sizeof(one));
    assert(rc == sizeof(one));
}

bool fcgi_wait(struct fcgi *fcgi, int timeout_ms)
{
    int64_t until_ms = clock_mono_ms() + timeout_ms;
    struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
    int rc = 0;

    pthread_mutex_lock(&fcgi->lock);
    while (fcgi->n_running > 0 && rc == 0) {
        rc = pthread_cond_timedwait(&fcgi->ended, &fcgi->lock, &until);
    }
    bool done = fcgi->n_running == 0;
    pthread_mutex_unlock(&fcgi->lock);
    return done;
}

void fcgi_free(struct fcgi *fcgi)
{
    if (!fcgi) {
        return;
    }
    for (int i = 0; i < fcgi->n_threads; i++) {
        pthread_join(fcgi->threads[i], NULL);
    }
    if (fcgi->stop_fd >= 0) {
        close(fcgi->stop_fd);
    }
    pthread_cond_destroy(&fcgi->ended);
    pthread_mutex_destroy(&fcgi->lock);
    free(fcgi->threads);
    free(fcgi);
}
