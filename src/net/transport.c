/* A non-blocking socket, plain or under TLS; waits are polls up to the deadline. */
#include "net/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/resolve.h"
#include "util/clock.h"
#include "util/mem.h"

struct transport {
    int fd;
    int wake_fd;
    struct tls *tls; /* NULL: plain */
};

/* Waits for POLLIN or POLLOUT. */
static int wait_for(const struct transport *t, short events, int64_t deadline_ms, struct error *err)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = t->fd, .events = events},
                               {.fd = t->wake_fd, .events = POLLIN}}; /* poll skips a -1 */
        int64_t left_ms = deadline_ms - clock_mono_ms();

        if (left_ms <= 0) {
            return error_set(err, ERR_UNAVAILABLE, "no answer within the time limit");
        }
        int n = poll(fds, ARRAY_LEN(fds), (int)left_ms);

        if (n < 0 && errno != EINTR) {
            return error_set(err, ERR_INTERNAL, "poll: %s", strerror(errno));
        }
        if (n > 0 && fds[1].revents) {
            return error_set(err, ERR_UNAVAILABLE, "the wait was ended");
        }
        if (n > 0 && fds[0].revents) {
            return 0;
        }
    }
}

/* Waits as a TLS step asks for. */
static int wait_for_step(const struct transport *t, ssize_t step, int64_t deadline_ms,
                         struct error *err)
{
    return step == TLS_FAILED
               ? -1
               : wait_for(t, step == TLS_WANT_READ ? POLLIN : POLLOUT, deadline_ms, err);
}

/* One socket to one address. */
static int connect_to(struct transport *t, const struct sockaddr *address, socklen_t len,
                      int64_t deadline_ms, struct error *err)
{
    int on = 1;
    int failure = 0;
    socklen_t size = sizeof(failure);

    t->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0) {
        return error_set(err, ERR_UNAVAILABLE, "socket: %s", strerror(errno));
    }
    if (address->sa_family != AF_UNIX) {
        setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(t->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    if (connect(t->fd, address, len) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) { /* for a unix socket EAGAIN, too: its queue is full */
        return error_set(err, ERR_UNAVAILABLE, "cannot connect: %s", strerror(errno));
    }
    if (wait_for(t, POLLOUT, deadline_ms, err) < 0) {
        return error_prefix(err, "cannot connect");
    }
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0 || failure) {
        return error_set(err, ERR_UNAVAILABLE, "cannot connect: %s", strerror(failure));
    }
    return 0;
}

static int connect_unix(struct transport *t, const char *path, int64_t deadline_ms,
                        struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path)) {
        return error_set(err, ERR_INVALID, "the socket's path is longer than %zu bytes",
                         sizeof(address.sun_path) - 1);
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return connect_to(t, (const struct sockaddr *)&address, sizeof(address), deadline_ms, err);
}

/* Tries the addresses in turn, each with its share of the time that is left. */
static int connect_tcp(struct transport *t, const struct transport_target *target,
                       int64_t deadline_ms, struct error *err)
{
    AUTO(addresses) *found = addresses_resolve(target->host, target->port, deadline_ms, err);
    struct error why = {0};

    if (!found) {
        return -1;
    }
    for (size_t a = 0; a < found->n; a++) {
        int64_t now_ms = clock_mono_ms();
        int64_t share_ms = (deadline_ms - now_ms) / (int64_t)(found->n - a);
        size_t i = (target->skip + a) % found->n;

        error_clear(&why);
        if (connect_to(t, (const struct sockaddr *)&found->items[i].storage, found->items[i].len,
                       now_ms + share_ms, &why) == 0) {
            return 0;
        }
        if (t->fd >= 0) {
            close(t->fd);
            t->fd = -1;
        }
    }
    return error_set(err, why.code, "%s", why.text);
}

static int shake_hands(struct transport *t, const struct transport_target *target,
                       int64_t deadline_ms, struct error *err)
{
    t->tls = tls_new(target->tls, t->fd, target->host, err);
    if (!t->tls) {
        return -1;
    }
    for (;;) {
        ssize_t step = tls_handshake(t->tls, err);

        if (step > 0) {
            return 0;
        }
        if (wait_for_step(t, step, deadline_ms, err) < 0) {
            return step == TLS_FAILED ? -1 : error_prefix(err, "TLS handshake");
        }
    }
}

struct transport *transport_open(const struct transport_target *target, int wake_fd,
                                 int64_t deadline_ms, struct error *err)
{
    AUTO(transport) *t = xcalloc(1, sizeof(*t));

    t->fd = -1;
    t->wake_fd = wake_fd;
    int connected = target->path ? connect_unix(t, target->path, deadline_ms, err)
                                 : connect_tcp(t, target, deadline_ms, err);

    if (connected < 0 || (target->tls && shake_hands(t, target, deadline_ms, err) < 0)) {
        return NULL;
    }
    return TAKE(t);
}

void transport_free(struct transport *t)
{
    if (!t) {
        return;
    }
    tls_free(t->tls);
    if (t->fd >= 0) {
        close(t->fd);
    }
    free(t);
}

/* As tls_write, for both. */
static ssize_t write_some(struct transport *t, const void *bytes, size_t len, struct error *err)
{
    if (t->tls) {
        return tls_write(t->tls, bytes, len, err);
    }
    ssize_t n = send(t->fd, bytes, len, MSG_NOSIGNAL);

    if (n >= 0) {
        return n;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return TLS_WANT_WRITE;
    }
    return error_set(err, ERR_UNAVAILABLE, "write: %s", strerror(errno));
}

/* As tls_read, for both. */
static ssize_t read_some(struct transport *t, void *out, size_t size, struct error *err)
{
    if (t->tls) {
        return tls_read(t->tls, out, size, err);
    }
    ssize_t n = recv(t->fd, out, size, 0);

    if (n > 0) {
        return n;
    }
    if (n == 0) {
        return error_set(err, ERR_UNAVAILABLE, "the peer closed the connection");
    }
    if (errno == EAGAIN || errno == EINTR) {
        return TLS_WANT_READ;
    }
    return error_set(err, ERR_UNAVAILABLE, "read: %s", strerror(errno));
}

int transport_write(struct transport *t, const void *bytes, size_t len, int64_t deadline_ms,
                    struct error *err)
{
    const char *from = bytes;

    while (len > 0) {
        ssize_t n = write_some(t, from, len, err);

        if (n > 0) {
            from += n;
            len -= (size_t)n;
        } else if (wait_for_step(t, n, deadline_ms, err) < 0) {
            return -1;
        }
    }
    return 0;
}

ssize_t transport_read(struct transport *t, void *out, size_t size, int64_t deadline_ms,
                       struct error *err)
{
    for (;;) {
        ssize_t n = read_some(t, out, size, err);

        if (n > 0) {
            return n;
        }
        if (wait_for_step(t, n, deadline_ms, err) < 0) {
            return -1;
        }
    }
}

bool transport_is_quiet(struct transport *t)
{
    struct pollfd fd = {.fd = t->fd, .events = POLLIN};

    /* Under TLS a session ticket may lie unread: what counts is whether the peer has closed. */
    if (t->tls) {
        char byte = 0;

        return poll(&fd, 1, 0) == 0 ||
               (tls_read(t->tls, &byte, 1, NULL) == TLS_WANT_READ && !tls_pending(t->tls));
    }
    return poll(&fd, 1, 0) == 0;
}
