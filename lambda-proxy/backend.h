/* The way to nginx, through the load balancer: signed, within a deadline. */
#ifndef BLOX_LAMBDA_PROXY_BACKEND_H
#define BLOX_LAMBDA_PROXY_BACKEND_H

#include <stdint.h>

#include "lambda-proxy/event.h"
#include "lambda-proxy/exchange.h"

#define BACKEND_ANSWER_MAX (6 * 1024 * 1024) /* bytes; more never fits into an answer */

struct backend_options { /* borrowed for the backend's life */
    const char *url;     /* http:// or https://, host and port; see backend_check */
    const char *key_id;
    const char *key_secret;
};

struct backend;

/* Whether this could be called at all. ERR_INVALID, with a text which names the variable to mend
 * and never the secret. */
int backend_check(const struct backend_options *options, struct error *err) MUST_CHECK;
struct backend *backend_open(const struct backend_options *options, struct error *err) MUST_CHECK;
void backend_free(struct backend *backend);
AUTO_DEFINE(backend);

/*
 * Sends the call and takes the answer, within budget_ms in all. A GET or HEAD whose connection
 * fails before anything of an answer came is sent once more; nothing else is ever sent twice,
 * because it may have taken effect. Errors are in `out`: ERR_UNAVAILABLE (with timed_out, or
 * without), ERR_PROTOCOL, ERR_INTERNAL.
 */
void backend_send(struct backend *backend, const struct call *call, const char *request_id,
                  const char *trace_id, int64_t budget_ms, struct exchange *out);

#endif
