/* A request as a handler reads it, and the response it fills in. */
#ifndef BLOX_HTTP_MESSAGE_H
#define BLOX_HTTP_MESSAGE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "http/keys.h"
#include "http/query.h"
#include "http/signature.h"
#include "util/strbuf.h"

#define BODY_LEN_MAX    (64 * 1024) /* as nginx.conf's client_max_body_size */
#define HTTP_PARAMS_MAX 4           /* variables in one route's pattern */

struct route;

#define HTTP_NOT_MODIFIED 304

#define HTTP_JSON    "application/json; charset=UTF-8"
#define HTTP_TEXT    "text/plain; charset=utf-8"
#define HTTP_PROBLEM "application/problem+json"

/* ---- the request ----------------------------------------------------------------------------- */

struct http_param {
    const char *name; /* in the route's pattern: not NUL-terminated, name_len bytes */
    size_t name_len;
    char *value;
};

/* That it was let in, for an answer which takes so long that this may change. */
struct http_grant {
    uint8_t mark[SHA256_LEN]; /* of what it was signed with: keys_have */
    uint64_t generation;      /* of the keys that have it */
};

struct http_request {
    /* From the connection; borrowed. */
    const char *method;
    const char *target;        /* path and query as they were sent */
    const char *id;            /* for logs, or "" */
    const char *if_none_match; /* the header, or "" */
    const char *copy_etag;     /* of the copy that the server in front has of this, or "" */
    bool may_be_copied;        /* it would keep one */
    const char *amz_target;    /* the X-Amz-Target header, or "" */
    const char *body;
    size_t body_len; /* BODY_LEN_MAX + 1 when there was more than the limit */
    /* Who claims to have sent it (http/signature.h). */
    const char *signature;              /* the header, or "" */
    const char *timestamp;              /* the header, or "" */
    struct signature_identity identity; /* each "" when not sent */
    bool identity_doubled;              /* one of these headers came more than once */

    /* From who lets requests in. */
    char *actor; /* for whom it is (http_actor); NULL when nobody was asked */
    struct http_grant grant;

    /* From the router. */
    const struct route *route; /* NULL: none was found */
    char *path;                /* decoded */
    const char *raw_query;     /* NULL when there is no "?" */
    struct query query;
    struct http_param params[HTTP_PARAMS_MAX];
    size_t n_params;
};

/* Takes the target apart. False when it is no valid one. */
bool http_request_parse(struct http_request *req) MUST_CHECK;
void http_request_clear(struct http_request *req);

/* A variable of the route's pattern, decoded; it must have it. */
const char *http_param(const struct http_request *req, const char *name);
/* Who wants it, for the audit: "anonymous" when nobody was asked. */
const char *http_actor(const struct http_request *req);
/* HEAD is answered like GET, without the body. */
bool http_is_read(const struct http_request *req);

/* ---- the response ---------------------------------------------------------------------------- */

struct http_response {
    int status;
    const char *content_type; /* NULL: none is sent */
    struct strbuf headers;    /* further header lines */
    struct strbuf text;       /* a body written here ... */
    struct iovec *pieces;     /* ... or one in pieces which somebody else owns */
    size_t n_pieces;
    size_t pieces_cap;
    size_t body_len;
    void (*release)(void *owner); /* ends what the pieces point into */
    void *owner;
    /* Not NULL: the body has no end. Once the head has been sent, the connection and the owner are
     * handed over instead of being released. */
    void (*hand_over)(void *owner, int fd, int request_id);
    bool problems; /* v0.3.0 had no such path: failures become problem documents (http/problem.h) */
};

/* Frees; resp is empty and usable again. */
void http_response_clear(struct http_response *resp);

/* All of these give 0, so that a handler may end with `return http_reply_...`. */

/* An error in v0.3.0's form: the text and a newline. */
int http_reply_text(struct http_response *resp, int status, const char *fmt, ...) PRINTF(3, 4);
/* Takes the JSON text out of `json` and adds the newline. */
int http_reply_json(struct http_response *resp, struct strbuf *json);
/* The same with another status and type. */
int http_reply_body(struct http_response *resp, int status, const char *content_type,
                    struct strbuf *text);
/* No body; content_type may be NULL. */
int http_reply_empty(struct http_response *resp, int status, const char *content_type);

/* A body without end; the owner is released where no hand-over comes about (HEAD, a client which is
 * gone). */
int http_reply_stream(struct http_response *resp, const char *content_type,
                      void (*hand_over)(void *owner, int fd, int request_id),
                      void (*release)(void *owner), void *owner);

/* Adds a header line, in the place of an earlier one of the same name. */
void http_set_header(struct http_response *resp, const char *name, const char *fmt, ...)
    PRINTF(3, 4);

/* A large body from pieces, which are borrowed until the response is cleared: then `release` is
 * called with the owner. */
void http_begin_pieces(struct http_response *resp, size_t n_expected, void (*release)(void *owner),
                       void *owner);
void http_add_piece(struct http_response *resp, const char *bytes, size_t len);

/* Status line and headers as CGI writes them (RFC 3875 6.3), the empty line included. */
void http_response_head(const struct http_response *resp, struct strbuf *out);

#endif
