/* A small HTTP/1.1 server over libmicrohttpd, one thread per connection. */
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

struct server {
    struct MHD_Daemon *daemon;
    server_handler handler;
    void *ctx;
    int port;
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

static void take_piece(struct incoming *in, const char *bytes, size_t len)
{
    if (in->body.len + len > SERVER_BODY_LEN_MAX) {
        in->too_large = true; /* read to its end, so that the client hears why */
        strbuf_clear(&in->body);
    }
    if (!in->too_large) {
        strbuf_add(&in->body, bytes, len);
    }
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
    if (in->too_large) {
        response.status = MHD_HTTP_CONTENT_TOO_LARGE;
        return send_response(connection, &response);
    }
    struct server_request request = {
        .method = method,
        .path = in->target,
        .query = query ? query : "",
        .body = in->body.text ? in->body.text : "",
        .body_len = in->body.len,
        .peer = (struct server_peer *)connection,
    };

    server->handler(server->ctx, &request, &response);
    if (response.drop) {
        strbuf_clear(&response.body);
        return MHD_NO; /* libmicrohttpd closes the connection, and nothing was sent */
    }
    return send_response(connection, &response);
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
        take_piece(in, piece, *piece_len);
        *piece_len = 0;
        return MHD_YES;
    }
    return answer_request(ctx, connection, method, in);
}

/* "127.0.0.1:4566" */
static int parse_address(const char *address, struct sockaddr_in *out, struct error *err)
{
    char host[INET_ADDRSTRLEN];
    const char *colon = strrchr(address, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;

    *out = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (port < 0 || port > UINT16_MAX || end == colon + 1 || *end != '\0' ||
        (size_t)(colon - address) >= sizeof(host)) {
        return error_set(err, ERR_INVALID, "\"%s\": want ADDRESS:PORT", address);
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    if (inet_pton(AF_INET, host, &out->sin_addr) != 1) {
        return error_set(err, ERR_INVALID, "\"%s\": want a numeric IPv4 address", address);
    }
    return 0;
}

static int open_socket(const char *address, int *port, struct error *err)
{
    struct sockaddr_in name;
    socklen_t name_len = sizeof(name);
    int on = 1;

    if (parse_address(address, &name, err) < 0) {
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return error_set(err, ERR_INTERNAL, "socket: %s", strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0 ||
        listen(fd, LISTEN_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&name, &name_len) < 0) {
        error_set(err, ERR_UNAVAILABLE, "cannot listen on %s: %s", address, strerror(errno));
        close(fd);
        return -1;
    }
    *port = ntohs(name.sin_port);
    return fd;
}

struct server *server_open(const char *address, server_handler handler, void *ctx,
                           struct error *err)
{
    AUTO(server) *server = xcalloc(1, sizeof(*server));
    int fd = open_socket(address, &server->port, err);

    if (fd < 0) {
        return NULL;
    }
    server->handler = handler;
    server->ctx = ctx;
    server->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            MHD_USE_ITC,
        0, NULL, NULL, handle_part, server, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL, MHD_OPTION_NOTIFY_COMPLETED, end_request,
        NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_HEAD_MAX,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK_LEN, MHD_OPTION_END);
    if (!server->daemon) {
        error_set(err, ERR_INTERNAL, "the HTTP server on %s does not start", address);
        close(fd);
        return NULL;
    }
    return TAKE(server);
}

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
