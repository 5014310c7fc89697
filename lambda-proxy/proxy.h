/* One event: what it asks for, what the backend says, what the gateway is told. */
#ifndef BLOX_LAMBDA_PROXY_PROXY_H
#define BLOX_LAMBDA_PROXY_PROXY_H

#include "lambda-proxy/backend.h"
#include "lambda-proxy/runtime.h"

/*
 * Makes the answer to an event; whatever is wrong with the event or the backend is an answer too.
 * -1 only for a fault of our own (ERR_INTERNAL), which is no answer. Logs one line. Of a body that
 * passes no more than a piece ever lies in memory twice: the event's text is empty afterwards.
 */
int proxy_handle(struct backend *backend, const struct invocation *invocation, struct strbuf *out,
                 struct error *err) MUST_CHECK;

#endif
