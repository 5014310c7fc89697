/* A small HTTP/1.1 server over libmicrohttpd: a thread for each connection, for all, or none. */
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/mem.h"

#define LISTEN_BACKLOG      4096
#define CONNECTIONS_MAX     4096
#define CONNECTION_IDLE_S   120
#define CONNECTION_HEAD_MAX (64 * 1024) /* request line and headers */
#define THREAD_STACK_LEN    (512 * 1024)

/* Without a thread per connection: a handful of clients who ask little. */
#define SMALL_CONNECTIONS_MAX    32
#define SMALL_CONNECTION_IDLE_S  30
#define SMALL_CONNECTION_MEM_LEN (32 * 1024)

struct server {
    struct MHD_Daemon *daemon;
    server_handler handler;
    void *ctx;
    int port;
    size_t body_max;
    bool takes_large; /* the handler answers for a body beyond it */

    /* What a forked child has to close; the connections of a SERVER_POLLED only. */
    int listen_fd;
    int connection_fds[SMALL_CONNECTIONS_MAX]; /* -1: none */
};

/* One request while it arrives. */
struct incoming {
    char *target; /* path?query */
    struct strbuf body;
    bool begun;
    bool too_large;
};

/* Called by libmicrohttpd with the request line, before anything is decoded. */
static void *begin_request(void *ctx UNUSED, const char *target,
                           struct MHD_Connection *connection UNUSED)
{
    struct incoming *in = xcalloc(1, sizeof(*in));

    in->target = xstrdup(target);
    return in;
}

static void end_request(void *ctx UNUSED, struct MHD_Connection *connection UNUSED, void **slot,
                        enum MHD_RequestTerminationCode why UNUSED)
{
    struct incoming *in = *slot;

    if (in) {
        strbuf_clear(&in->body);
        free(in->target);
        free(in);
    }
    *slot = NULL;
}

static void take_piece(struct incoming *in, size_t max, const char *bytes, size_t len)
{
    if (in->body.len + len > max) {
        in->too_large = true; /* read to its end, so that the client hears why */
        strbuf_clear(&in->body);
    }
    if (!in->too_large) {
        strbuf_add(&in->body, bytes, len);
    }
}

static void forget_headers(struct server_response *response)
{
    for (size_t i = 0; i < response->n_more; i++) {
        free(response->more[i].name);
        free(response->more[i].value);
    }
    free(response->more);
    response->more = NULL;
    response->n_more = 0;
}

static enum MHD_Result send_response(struct MHD_Connection *connection,
                                     struct server_response *response)
{
    size_t len = response->body.len;
    char *body = strbuf_take(&response->body);
    struct MHD_Response *answer = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);

    if (!answer) {
        free(body);
        return MHD_NO;
    }
    if (response->content_type) {
        MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    }
    for (size_t i = 0; i < response->n_headers; i++) {
        MHD_add_response_header(answer, response->headers[i].name, response->headers[i].value);
    }
    for (size_t i = 0; i < response->n_more; i++) {
        MHD_add_response_header(answer, response->more[i].name, response->more[i].value);
    }
    enum MHD_Result queued = MHD_queue_response(connection, (unsigned int)response->status, answer);

    MHD_destroy_response(answer);
    return queued;
}

static enum MHD_Result answer_request(const struct server *server,
                                      struct MHD_Connection *connection, const char *method,
                                      struct incoming *in)
{
    struct server_response response = {.status = MHD_HTTP_OK};
    char *query = strchr(in->target, '?');

    if (query) {
        *query++ = '\0';
    }
    if (in->too_large && !server->takes_large) {
        response.status = MHD_HTTP_CONTENT_TOO_LARGE;
        return send_response(connection, &response);
    }
    struct server_request request = {
        .method = method,
        .path = in->target,
        .query = query ? query : "",
        .body = in->body.text ? in->body.text : "",
        .body_len = in->body.len,
        .body_too_large = in->too_large,
        .peer = (struct server_peer *)connection,
    };
    enum MHD_Result result = MHD_NO;

    server->handler(server->ctx, &request, &response);
    if (response.drop) {
        strbuf_clear(&response.body); /* libmicrohttpd closes the connection: nothing was sent */
    } else {
        result = send_response(connection, &response);
    }
    forget_headers(&response);
    return result;
}

static enum MHD_Result handle_part(void *ctx, struct MHD_Connection *connection,
                                   const char *url UNUSED, const char *method,
                                   const char *version UNUSED, const char *piece, size_t *piece_len,
                                   void **slot)
{
    struct incoming *in = *slot;

    if (!in->begun) { /* the headers alone */
        in->begun = true;
        return MHD_YES;
    }
    if (*piece_len > 0) {
        take_piece(in, ((const struct server *)ctx)->body_max, piece, *piece_len);
        *piece_len = 0;
        return MHD_YES;
    }
    return answer_request(ctx, connection, method, in);
}

/* "127.0.0.1:4566" or "[::1]:4566"; gives the length of the name. */
static int parse_address(const char *address, struct sockaddr_storage *out, struct error *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    char host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(address, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    bool is_v6 = address[0] == '[' && colon && colon[-1] == ']';
    size_t len = colon ? (size_t)(colon - address) - 2 * (size_t)is_v6 : 0;

    if (port < 0 || port > UINT16_MAX || end == colon + 1 || *end != '\0' || len >= sizeof(host)) {
        return error_set(err, ERR_INVALID, "\"%s\": want ADDRESS:PORT", address);
    }
    memcpy(host, address + is_v6, len);
    host[len] = '\0';
    *out = (struct sockaddr_storage){0};
    if (is_v6 && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        return (int)sizeof(*v6);
    }
    if (!is_v6 && inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        return (int)sizeof(*v4);
    }
    return error_set(err, ERR_INVALID, "\"%s\": want a numeric address, IPv6 in brackets", address);
}

static int open_socket(const char *address, int *port, struct error *err)
{
    struct sockaddr_storage name;
    int len = parse_address(address, &name, err);
    socklen_t name_len = (socklen_t)len;
    int on = 1;

    if (len < 0) {
        return -1;
    }
    int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return error_set(err, ERR_INTERNAL, "socket: %s", strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&name, name_len) < 0 || listen(fd, LISTEN_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &name_len) < 0) {
        error_set(err, ERR_UNAVAILABLE, "cannot listen on %s: %s", address, strerror(errno));
        close(fd);
        return -1;
    }
    *port = ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
                                             : ((struct sockaddr_in *)&name)->sin_port);
    return fd;
}

static struct MHD_Daemon *start_threads(struct server *server)
{
    return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                                MHD_USE_POLL | MHD_USE_ITC,
                            0, NULL, NULL, handle_part, server, MHD_OPTION_LISTEN_SOCKET,
                            server->listen_fd, MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
                            MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_IDLE_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_HEAD_MAX,
                            MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_LEN, MHD_OPTION_END);
}

static void track_connection(void *ctx, struct MHD_Connection *connection, void **slot UNUSED,
                             enum MHD_ConnectionNotificationCode what)
{
    struct server *server = ctx;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int from = what == MHD_CONNECTION_NOTIFY_STARTED ? -1 : info->connect_fd;
    int to = what == MHD_CONNECTION_NOTIFY_STARTED ? info->connect_fd : -1;

    for (size_t c = 0; c < SMALL_CONNECTIONS_MAX; c++) {
        if (server->connection_fds[c] == from) {
            server->connection_fds[c] = to;
            return;
        }
    }
}

static struct MHD_Daemon *start_small(struct server *server, unsigned int thread)
{
    for (size_t c = 0; c < SMALL_CONNECTIONS_MAX; c++) {
        server->connection_fds[c] = -1;
    }
    return MHD_start_daemon(
        MHD_USE_EPOLL | thread, 0, NULL, NULL, handle_part, server, MHD_OPTION_LISTEN_SOCKET,
        server->listen_fd, MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL, MHD_OPTION_NOTIFY_CONNECTION,
        track_connection, server, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)SMALL_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)SMALL_CONNECTION_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)SMALL_CONNECTION_MEM_LEN, MHD_OPTION_END);
}

static struct MHD_Daemon *start(struct server *server, enum server_mode mode)
{
    switch (mode) {
    case SERVER_THREADS:
        return start_threads(server);
    case SERVER_THREAD:
        return start_small(server, MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC);
    case SERVER_POLLED:
        return start_small(server, 0);
    }
    return NULL;
}

static struct server *open_server(const struct server *as, const char *address,
                                  enum server_mode mode, struct error *err)
{
    AUTO(server) *server = xcalloc(1, sizeof(*server));

    *server = *as;
    server->listen_fd = open_socket(address, &server->port, err);
    if (server->listen_fd < 0) {
        return NULL;
    }
    server->daemon = start(server, mode);
    if (!server->daemon) {
        error_set(err, ERR_INTERNAL, "the HTTP server on %s does not start", address);
        close(server->listen_fd);
        return NULL;
    }
    return TAKE(server);
}

struct server *server_open(const char *address, enum server_mode mode, server_handler handler,
                           void *ctx, struct error *err)
{
    const struct server as = {.handler = handler, .ctx = ctx, .body_max = SERVER_BODY_LEN_MAX};

    return open_server(&as, address, mode, err);
}

struct server *server_open_large(const char *address, size_t body_max, server_handler handler,
                                 void *ctx, struct error *err)
{
    const struct server as = {
        .handler = handler, .ctx = ctx, .body_max = body_max, .takes_large = true};

    return open_server(&as, address, SERVER_THREADS, err);
}

/* ---- polled ---------------------------------------------------------------------------------- */

int server_fd(const struct server *server)
{
    return MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int server_turn(struct server *server)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;

    MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES) {
        return -1;
    }
    return timeout_ms < INT_MAX ? (int)timeout_ms : INT_MAX;
}

void server_abandon(struct server *server)
{
    for (size_t c = 0; c < SMALL_CONNECTIONS_MAX; c++) {
        if (server->connection_fds[c] >= 0) {
            close(server->connection_fds[c]);
        }
    }
    close(server_fd(server));
    close(server->listen_fd);
}

/* ---- both ------------------------------------------------------------------------------------ */

void server_free(struct server *server)
{
    if (!server) {
        return;
    }
    if (server->daemon) {
        MHD_stop_daemon(server->daemon);
    }
    free(server);
}

int server_port(const struct server *server)
{
    return server->port;
}

const char *server_header(const struct server_request *request, const char *name)
{
    return MHD_lookup_connection_value((struct MHD_Connection *)request->peer, MHD_HEADER_KIND,
                                       name);
}

/* What server_each_header hands through libmicrohttpd. */
struct visitor {
    void (*visit)(void *ctx, const char *name, const char *value);
    void *ctx;
};

static enum MHD_Result visit_header(void *ctx, enum MHD_ValueKind kind UNUSED, const char *name,
                                    const char *value)
{
    const struct visitor *visitor = ctx;

    visitor->visit(visitor->ctx, name, value ? value : "");
    return MHD_YES;
}

void server_each_header(const struct server_request *request,
                        void (*visit)(void *ctx, const char *name, const char *value), void *ctx)
{
    struct visitor visitor = {visit, ctx};

    MHD_get_connection_values((struct MHD_Connection *)request->peer, MHD_HEADER_KIND, visit_header,
                              &visitor);
}

void server_add_header(struct server_response *response, const char *name, const char *value)
{
    response->more = xreallocarray(response->more, response->n_more + 1, sizeof(*response->more));
    response->more[response->n_more++] =
        (struct server_own_header){.name = xstrdup(name), .value = xstrdup(value)};
}

void server_client_address(const struct server_request *request, char out[SERVER_ADDRESS_LEN])
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        (struct MHD_Connection *)request->peer, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;

    out[0] = '\0';
    if (address && address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out,
                  SERVER_ADDRESS_LEN);
    } else if (address && address->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out,
                  SERVER_ADDRESS_LEN);
    }
}

bool server_client_gone(const struct server_request *request)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        (struct MHD_Connection *)request->peer, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;

    if (!info) {
        return true;
    }
    ssize_t n = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}
