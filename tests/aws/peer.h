/* A small HTTP server that answers by a script, for tests of clients. */
#ifndef BLOX_TESTS_PEER_H
#define BLOX_TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>

#define NO_FILE "/dev/null/nothing" /* a path at which no machine has a file */

/* How one request is answered. The request is always read to its end first. */
struct reply {
    int status;
    const char *headers; /* lines with \r\n, or NULL */
    const char *body;    /* NULL: empty */
    size_t blanks;       /* bytes of white space before the body */
    int after_ms;        /* it takes that long */
    bool lost;           /* the connection is closed instead */
};

struct peer;

/* Listens on a free port of the loopback, or on `port`. Ends the test program when it cannot. */
struct peer *peer_start(int port);
void peer_stop(struct peer *peer);
const char *peer_url(const struct peer *peer); /* http://127.0.0.1:<port> */
/* The replies to the next requests, in order of arrival on any connection; what comes after them
 * gets 599. Forgets what came before. */
void peer_script(struct peer *peer, const struct reply *replies, size_t n);
int peer_count(struct peer *peer);       /* requests since peer_script, read to their end */
int peer_connections(struct peer *peer); /* accepted since peer_script */
/* Request i as it came, headers and body; the caller's. */
char *peer_request(struct peer *peer, int i);
/* A port which nobody listens on. */
int peer_free_port(void);

#endif
