/*
 * API Gateway's event for a REST API with proxy integration (payload format 1.0), read as the HTTP
 * request which the client made.
 *
 * Source: API Gateway Developer Guide, "Input format of a Lambda function for proxy integration".
 */
#ifndef BLOX_LAMBDA_PROXY_EVENT_H
#define BLOX_LAMBDA_PROXY_EVENT_H

#include <jansson.h>
#include <stdbool.h>

#include "http/signature.h"
#include "lambda-proxy/headers.h"
#include "util/error.h"
#include "util/strbuf.h"

#define TARGET_LEN_MAX (16 * 1024) /* bytes of path and query; nginx takes no more */

struct call {
    const char *method;   /* static */
    struct strbuf target; /* path and query for the request line */
    char *path;           /* alone, encoded as there */
    bool to_stream;       /* a path of the streams, which cannot pass the gateway */
    /* Those of the client which pass, and X-Forwarded-* as the gateway has them. */
    struct headers headers;
    struct strbuf body; /* without a text: none */
    /* Who called, as the gateway has verified; borrowed from the event. Without a key's id. */
    struct signature_identity identity;
};

/*
 * Reads the event, which must live as long as the call; its body, apart from it (see
 * js_parse_apart), becomes the call's. ERR_INVALID, with a text for the client: it is none of a
 * REST API, or something in it could not be sent on as it is.
 */
struct call *call_from_event(const json_t *event, struct strbuf *body,
                             struct error *err) MUST_CHECK;
void call_free(struct call *call);
AUTO_DEFINE(call);

/* The names of the event's members for the log: what it is without what it says.
 * "no object" when it is none. */
void event_keys(const json_t *event, struct strbuf *out);

/* GET and HEAD: what may be sent twice. */
bool call_is_read(const struct call *call);

#endif
