/*
 * Lambda's Runtime API: takes one event after the other and gives back what came of it.
 *
 * Source: AWS Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes",
 * version 2018-06-01.
 */
#ifndef BLOX_LAMBDA_PROXY_RUNTIME_H
#define BLOX_LAMBDA_PROXY_RUNTIME_H

#include <stdint.h>

#include "lambda-proxy/exchange.h"
#include "util/error.h"

struct runtime;

/* An event. All of it lives until the next runtime_next. */
struct invocation {
    const char *id;
    const char *trace_id; /* or NULL: it is not traced */
    int64_t deadline_ms;  /* wall clock, since the epoch; 0: the Runtime API did not say */
    struct strbuf *event;
};

/* address: host:port, as in AWS_LAMBDA_RUNTIME_API. Connects to nobody yet. */
struct runtime *runtime_open(const char *address, struct error *err) MUST_CHECK;
void runtime_free(struct runtime *runtime);
AUTO_DEFINE(runtime);

/*
 * Waits for the next event, however long that takes: the sandbox may be frozen meanwhile. 0, or 1
 * when a stop was asked for. Errors: ERR_UNAVAILABLE, ERR_PROTOCOL; the process should end then,
 * Lambda starts another.
 */
int runtime_next(struct runtime *runtime, struct invocation *out, struct error *err) MUST_CHECK;

/* Answers the last event. -1 when the Runtime API refuses the answer; there will be others. */
int runtime_answer(struct runtime *runtime, const char *json, size_t len,
                   struct error *err) MUST_CHECK;
/* Says that the last event found a fault in this program. type: "Runtime.<Reason>"; neither text
 * may have a secret, both are shown to whoever reads the function's logs. */
int runtime_fail(struct runtime *runtime, const char *type, const char *message,
                 struct error *err) MUST_CHECK;
/* Says why there will be no first event; the process ends then. */
int runtime_fail_init(struct runtime *runtime, const char *type, const char *message,
                      struct error *err) MUST_CHECK;

#endif
