/* A small HTTP/1.1 server: a thread for each connection, for all, or none. The door to
 * libmicrohttpd. */
#ifndef BLOX_NET_SERVER_H
#define BLOX_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "util/attr.h"
#include "util/error.h"
#include "util/strbuf.h"

#define SERVER_BODY_LEN_MAX (4 * 1024 * 1024) /* of a request; a larger one gets 413 */

struct server;
struct server_peer; /* the connection a request came by */

struct server_request {
    const char *method;
    const char *path;  /* as on the wire, percent-encoded, without the query */
    const char *query; /* as on the wire without "?"; "" when there is none */
    const char *body;  /* NUL-terminated beyond its length */
    size_t body_len;
    bool body_too_large; /* it was longer than the limit and is not here; see server_open_large */
    struct server_peer *peer;
};

struct server_header {
    const char *name;
    char value[128];
};
struct server_own_header {
    char *name;
    char *value;
};

struct server_response {
    int status;               /* begins as 200 */
    const char *content_type; /* static, or NULL for none */
    struct server_header headers[4];
    size_t n_headers;
    struct server_own_header *more; /* server_add_header */
    size_t n_more;
    struct strbuf body; /* handed over to the server */
    bool drop;          /* close the connection without a byte */
};

typedef void (*server_handler)(void *ctx, const struct server_request *request,
                               struct server_response *response);

enum server_mode {
    SERVER_THREADS, /* one for each connection: a handler may wait */
    SERVER_THREAD,  /* one for all: it may not; few connections, short requests */
    SERVER_POLLED,  /* none, for a process which forks: works when the caller lets it */
};

/*
 * Listens on "ADDRESS:PORT" (numeric, IPv6 in brackets; port 0 takes a free one) and answers until
 * server_free.
 * Errors: ERR_INVALID (no such address), ERR_UNAVAILABLE (the port is in use).
 */
struct server *server_open(const char *address, enum server_mode mode, server_handler handler,
                           void *ctx, struct error *err) MUST_CHECK;
/*
 * The same with a thread for each connection and a limit of its own for bodies: the handler also
 * gets requests beyond it, and says so in its own words.
 */
struct server *server_open_large(const char *address, size_t body_max, server_handler handler,
                                 void *ctx, struct error *err) MUST_CHECK;
/* Waits for the handlers that are at work: wake those which sleep first. */
void server_free(struct server *server);
AUTO_DEFINE(server);

/* A SERVER_POLLED: the turn is due whenever the descriptor is readable, or the milliseconds are
 * over which the last turn gave (-1: none). */
int server_fd(const struct server *server);
int server_turn(struct server *server);
/* In a forked child, instead of server_free: closes what it has inherited, and touches nothing that
 * it shares with its parent. */
void server_abandon(struct server *server);

int server_port(const struct server *server);

/* The value of a request header (any case), the first one of several, or NULL. */
const char *server_header(const struct server_request *request, const char *name);
/* Calls `visit` with each header line of the request, in the order they came. */
void server_each_header(const struct server_request *request,
                        void (*visit)(void *ctx, const char *name, const char *value), void *ctx);
/* Adds a header line of any length, also one of a name that is there already; both are copied. */
void server_add_header(struct server_response *response, const char *name, const char *value);
/* The client's numeric address. */
#define SERVER_ADDRESS_LEN 46 /* with the NUL; INET6_ADDRSTRLEN */
void server_client_address(const struct server_request *request, char out[SERVER_ADDRESS_LEN]);
/* True when the client has closed the connection: for handlers that waited. */
bool server_client_gone(const struct server_request *request);

#endif
