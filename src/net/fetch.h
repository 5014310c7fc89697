/*
 * HTTP requests to others: many at once in one thread, over connections that are kept.
 *
 * One thread owns a `struct fetch` and calls everything but fetch_wake. HTTP/1.1, http and https
 * only, certificates verified, redirects not followed; a proxy is taken from the environment as
 * libcurl does.
 */
#ifndef BLOX_NET_FETCH_H
#define BLOX_NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"

/* Bytes of one answer's body. Ten messages of SQS' 1 MiB, each byte of them escaped, are 20 MiB. */
#define FETCH_ANSWER_MAX (24 * 1024 * 1024)
#define FETCH_CONNECT_MS 3000
#define FETCH_FOREVER    (-1) /* a timeout which does not come */

struct strbuf;
struct fetch;
struct fetch_transfer; /* one request under way */

struct fetch_header {
    const char *name;
    const char *value;
};

struct fetch_request {
    const char *method;
    const char *url;
    const char *target; /* on the request line as it is, in the place of the URL's path and query */
    const struct fetch_header *headers;
    size_t n_headers;
    const void *body; /* borrowed until the transfer ends; NULL: none */
    size_t body_len;
    int timeout_ms;    /* in all, or FETCH_FOREVER */
    int connect_ms;    /* of these for look-up, TCP and TLS; 0: FETCH_CONNECT_MS */
    size_t answer_max; /* bytes of the answer's body; 0: FETCH_ANSWER_MAX */
    bool once;         /* it leaves one time at most, see fetch_start */
    bool fresh;        /* over a new connection */
    bool used_up;      /* with `once`: the body's memory is given back as it is sent */
    /* Never by a proxy, and the name is looked up for each connection: for services nearby, on the
     * loopback, the link or in the own network. */
    bool direct;
    /* With `once`: asked right before the body is handed over; false ends the request with
     * ERR_CONFLICT and no byte of the body sent. NULL: always. */
    bool (*may_send)(void *ctx);
    void *may_send_ctx;
};

struct fetch_answer {
    struct error err; /* ERR_NONE: an answer came, whatever its status */
    int status;       /* 0 when none came */
    const char *body; /* the transfer's; NUL behind its end */
    size_t body_len;
    struct strbuf *taken; /* where it lies: who wants to keep it without a copy may empty this */
    bool body_sent; /* the peer may have seen some of the request's body, so may have acted on it */
    bool begun;     /* at least a line of an answer came */
    bool timed_out;
    bool too_long; /* the body, or the headers, would be longer than the limit */
    void *headers; /* for fetch_answer_header */
};

struct fetch *fetch_new(int connections_max, const char *user_agent, struct error *err) MUST_CHECK;
void fetch_free(struct fetch *fetch); /* ends what is under way without a call of `done` */
AUTO_DEFINE(fetch);

typedef void fetch_done(void *ctx, const struct fetch_answer *answer);

/*
 * Begins a request; `done` is called once from fetch_turn, unless it is cancelled. All but the body
 * is copied.
 *
 * libcurl repeats a request by itself when a kept connection dies before the answer begins, also
 * one which took effect. `once` forbids that: the transfer then ends with ERR_UNAVAILABLE and says
 * in body_sent whether the peer may have acted (without a body: whether the request was begun).
 */
struct fetch_transfer *fetch_start(struct fetch *fetch, const struct fetch_request *request,
                                   fetch_done *done, void *ctx);
/* Ends it without `done`; gives what body_sent would have been. */
bool fetch_cancel(struct fetch_transfer *transfer);

/* Moves bytes, calls `done` of what ended, and if nothing did waits up to timeout_ms for more to
 * move or for a wake-up. */
void fetch_turn(struct fetch *fetch, int timeout_ms);
/* The same; the wait also ends when fd is readable. */
void fetch_turn_watching(struct fetch *fetch, int fd, int timeout_ms);
/* Ends the wait in fetch_turn, or the next one. From any thread. */
void fetch_wake(struct fetch *fetch);

/* The last header of that name, or NULL. For `done`, during the call. */
const char *fetch_answer_header(const struct fetch_answer *answer, const char *name);
/* Calls `each` with all headers as they came. For `done`, during the call. */
void fetch_answer_headers(const struct fetch_answer *answer,
                          void (*each)(void *ctx, const char *name, const char *value), void *ctx);
/* Reads "Sun, 06 Nov 1994 08:49:37 GMT"; -1 when it is no date. */
int64_t fetch_parse_date_ms(const char *text);

#endif
