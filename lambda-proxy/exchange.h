/* One HTTP request from begin to end, in a program which has nothing else to do meanwhile. */
#ifndef BLOX_LAMBDA_PROXY_EXCHANGE_H
#define BLOX_LAMBDA_PROXY_EXCHANGE_H

#include <stdbool.h>

#include "lambda-proxy/headers.h"
#include "net/fetch.h"
#include "util/strbuf.h"

struct exchange {
    struct error err; /* ERR_NONE: an answer came, whatever its status */
    bool timed_out;
    bool too_long; /* more than BACKEND_ANSWER_MAX */
    bool begun;    /* at least a line of an answer came */
    int status;
    struct headers headers;
    struct strbuf body;
};

#define AUTO_EXCHANGE __attribute__((cleanup(exchange_clear))) struct exchange

void exchange_clear(struct exchange *exchange); /* frees; usable again */

/* Makes the request and waits for its end. */
void exchange_run(struct exchange *exchange, struct fetch *fetch,
                  const struct fetch_request *request);
/* The same, but the wait also ends when a stop is asked for: true then. */
bool exchange_run_or_stop(struct exchange *exchange, struct fetch *fetch,
                          const struct fetch_request *request) MUST_CHECK;

#endif
