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
    bool held;           /* not before peer_release */
    bool lost;           /* the connection is closed instead */
};

struct peer;

/* Listens on a free port of the loopback. Ends the test program when it cannot. */
struct peer *peer_start(void);
/* The same on the port, with a script from the first request on. */
struct peer *peer_start_on(int port, const struct reply *replies, size_t n);
void peer_stop(struct peer *peer);
const char *peer_url(const struct peer *peer); /* http://127.0.0.1:<port> */
/* The replies to the next requests, in order of arrival on any connection; what comes after them
 * gets 599. Forgets what came before. */
void peer_script(struct peer *peer, const struct reply *replies, size_t n);
void peer_release(struct peer *peer);    /* replies which are held, now and later */
int peer_count(struct peer *peer);       /* requests since peer_script, read to their end */
int peer_connections(struct peer *peer); /* accepted since peer_script */
/* Request i as it came, headers and body; the caller's. */
char *peer_request(struct peer *peer, int i);
/* A port which nobody listens on, and which nobody is given who asks for any. Who wants it with
 * SO_REUSEADDR, as our servers do, may listen there. It is ours until the program ends. */
int peer_free_port(void);

#endif
