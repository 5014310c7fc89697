/* One event: what it asks for, what the backend says, what the gateway is told. */
#ifndef BLOX_LAMBDA_PROXY_PROXY_H
#define BLOX_LAMBDA_PROXY_PROXY_H

#include "lambda-proxy/backend.h"
#include "lambda-proxy/runtime.h"

/* Who waits longer, from the outside in: the gateway 29 s, Lambda 28 s, we, nginx 20 s for a
 * worker, a worker 10 s for AWS. */
#define BUDGET_MS        25000 /* for the backend, all in all */
#define BUDGET_MARGIN_MS 1500  /* of Lambda's deadline, to say that there was no answer */

/*
 * Makes the answer to an event; whatever is wrong with the event or the backend is an answer too.
 * -1 only for a fault of our own (ERR_INTERNAL), which is no answer. Logs one line.
 */
int proxy_handle(struct backend *backend, const struct invocation *invocation, struct strbuf *out,
                 struct error *err) MUST_CHECK;

/* How long the backend may take, of what is left until the deadline; 0 or less: there is no time.
 */
int64_t proxy_budget_ms(int64_t deadline_ms, int64_t now_ms);

#endif
