/* A scripted HTTP server: one thread accepts, one more per connection. */
#include "peer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define CONNECTIONS_MAX 64
#define REQUESTS_MAX    64

struct connection {
    struct peer *peer;
    pthread_t thread;
    int fd;
};

struct peer {
    int fd;
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t opened;
    bool open; /* replies are not held */
    const struct reply *replies;
    size_t n_replies;
    char *requests[REQUESTS_MAX];
    int n_requests;
    struct connection connections[CONNECTIONS_MAX];
    int n_connections;
    int n_connections_before; /* the script */
};

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

/* The length of the first request in the buffer; 0 while it is not complete. */
static size_t request_len(const struct strbuf *in)
{
    const char *end = in->text ? strstr(in->text, "\r\n\r\n") : NULL;
    const char *length = in->text ? strcasestr(in->text, "\r\nContent-Length:") : NULL;

    if (!end) {
        return 0;
    }
    size_t len = (size_t)(end + 4 - in->text);

    if (length && length < end) {
        len += strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
    }
    return in->len >= len ? len : 0;
}

static bool read_request(int fd, struct strbuf *in)
{
    char bytes[4096];

    while (request_len(in) == 0) {
        ssize_t n = read(fd, bytes, sizeof(bytes));

        if (n <= 0) {
            return false;
        }
        strbuf_add(in, bytes, (size_t)n);
    }
    return true;
}

static struct reply next_reply(struct peer *peer, const char *request, size_t len)
{
    struct reply reply = {.status = 599};

    pthread_mutex_lock(&peer->lock);
    if ((size_t)peer->n_requests < peer->n_replies) {
        reply = peer->replies[peer->n_requests];
    }
    if (peer->n_requests < REQUESTS_MAX) {
        peer->requests[peer->n_requests++] = xmemdup0(request, len);
    }
    pthread_mutex_unlock(&peer->lock);
    return reply;
}

static void wait_until_open(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    while (!peer->open) {
        pthread_cond_wait(&peer->opened, &peer->lock);
    }
    pthread_mutex_unlock(&peer->lock);
}

static bool send_reply(int fd, const struct reply *reply)
{
    AUTO_STRBUF out = {0};
    const char *body = reply->body ? reply->body : "";

    strbuf_addf(&out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n", reply->status,
                strlen(body) + reply->blanks, reply->headers ? reply->headers : "");
    strbuf_reserve(&out, reply->blanks);
    for (size_t i = 0; i < reply->blanks; i++) {
        strbuf_add_char(&out, ' ');
    }
    strbuf_add_text(&out, body);
    return send(fd, out.text, out.len, MSG_NOSIGNAL) == (ssize_t)out.len;
}

static void *serve(void *ctx)
{
    struct connection *connection = ctx;
    struct peer *peer = connection->peer;
    AUTO_STRBUF in = {0};
    bool open = true;

    while (open && read_request(connection->fd, &in)) {
        size_t len = request_len(&in);
        struct reply reply = next_reply(peer, in.text, len);
        AUTO_CHAR *rest = xmemdup0(in.text + len, in.len - len);

        strbuf_reset(&in);
        strbuf_add_text(&in, rest);
        if (reply.held) {
            wait_until_open(peer);
        }
        open = !reply.lost && send_reply(connection->fd, &reply);
    }
    shutdown(connection->fd, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *ctx)
{
    struct peer *peer = ctx;
    int fd = -1;

    while ((fd = accept(peer->fd, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&peer->lock);
        struct connection *connection = &peer->connections[peer->n_connections];

        must(peer->n_connections < CONNECTIONS_MAX, "connections");
        *connection = (struct connection){.peer = peer, .fd = fd};
        pthread_create(&connection->thread, NULL, serve, connection);
        peer->n_connections++;
        pthread_mutex_unlock(&peer->lock);
    }
    return NULL;
}

static int bound_socket(int port, int *bound_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    must(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    must(bind(fd, (struct sockaddr *)&address, len) == 0, "bind");
    must(getsockname(fd, (struct sockaddr *)&address, &len) == 0, "getsockname");
    *bound_port = ntohs(address.sin_port);
    return fd;
}

int peer_free_port(void)
{
    int port = 0;

    bound_socket(0, &port);
    return port;
}

struct peer *peer_start(void)
{
    return peer_start_on(0, NULL, 0);
}

struct peer *peer_start_on(int port, const struct reply *replies, size_t n)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));

    peer->fd = bound_socket(port, &port);
    snprintf(peer->url, sizeof(peer->url), "http://127.0.0.1:%d", port);
    pthread_mutex_init(&peer->lock, NULL);
    pthread_cond_init(&peer->opened, NULL);
    peer_script(peer, replies, n);
    must(listen(peer->fd, CONNECTIONS_MAX) == 0, "listen");
    must(pthread_create(&peer->thread, NULL, accept_all, peer) == 0, "thread");
    return peer;
}

void peer_stop(struct peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
    pthread_join(peer->thread, NULL);
    close(peer->fd);
    peer_release(peer);
    for (int i = 0; i < peer->n_connections; i++) {
        shutdown(peer->connections[i].fd, SHUT_RDWR);
        pthread_join(peer->connections[i].thread, NULL);
        close(peer->connections[i].fd);
    }
    peer_script(peer, NULL, 0);
    pthread_cond_destroy(&peer->opened);
    pthread_mutex_destroy(&peer->lock);
    free(peer);
}

const char *peer_url(const struct peer *peer)
{
    return peer->url;
}

void peer_script(struct peer *peer, const struct reply *replies, size_t n)
{
    pthread_mutex_lock(&peer->lock);
    peer->replies = replies;
    peer->n_replies = n;
    for (int i = 0; i < peer->n_requests; i++) {
        free(peer->requests[i]);
    }
    peer->n_requests = 0;
    peer->n_connections_before = peer->n_connections;
    peer->open = false;
    pthread_mutex_unlock(&peer->lock);
}

void peer_release(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    peer->open = true;
    pthread_cond_broadcast(&peer->opened);
    pthread_mutex_unlock(&peer->lock);
}

int peer_count(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    int n = peer->n_requests;

    pthread_mutex_unlock(&peer->lock);
    return n;
}

int peer_connections(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    int n = peer->n_connections - peer->n_connections_before;

    pthread_mutex_unlock(&peer->lock);
    return n;
}

char *peer_request(struct peer *peer, int i)
{
    pthread_mutex_lock(&peer->lock);
    char *copy = xstrdup(i < peer->n_requests ? peer->requests[i] : "");

    pthread_mutex_unlock(&peer->lock);
    return copy;
}
