/* fetch's transfers, one at a time. */
#include "lambda-proxy/exchange.h"

#include "util/signals.h"

#define TURN_MS 60000 /* fetch wakes up by itself when something happens; this is only a bound */

struct run {
    struct exchange *exchange;
    bool ended;
};

void exchange_clear(struct exchange *exchange)
{
    headers_clear(&exchange->headers);
    strbuf_clear(&exchange->body);
    *exchange = (struct exchange){0};
}

static void take_header(void *ctx, const char *name, const char *value)
{
    struct exchange *exchange = ctx;
    struct error err = {0};

    if (headers_add(&exchange->headers, name, value, &err) < 0) {
        error_set(&exchange->err, ERR_PROTOCOL, "%s", err.text);
    }
}

static void on_end(void *ctx, const struct fetch_answer *answer)
{
    struct run *run = ctx;
    struct exchange *exchange = run->exchange;

    run->ended = true;
    exchange->err = answer->err;
    exchange->timed_out = answer->timed_out;
    exchange->too_long = answer->too_long;
    exchange->begun = answer->begun;
    exchange->status = answer->status;
    if (answer->err.code == ERR_NONE) {
        fetch_answer_headers(answer, take_header, exchange);
        exchange->body = *answer->taken;
        *answer->taken = (struct strbuf){0};
    }
}

void exchange_run(struct exchange *exchange, struct fetch *fetch,
                  const struct fetch_request *request)
{
    struct run run = {.exchange = exchange};

    exchange_clear(exchange);
    fetch_start(fetch, request, on_end, &run);
    while (!run.ended) {
        fetch_turn(fetch, TURN_MS);
    }
}

bool exchange_run_or_stop(struct exchange *exchange, struct fetch *fetch,
                          const struct fetch_request *request)
{
    struct run run = {.exchange = exchange};
    struct fetch_transfer *transfer = NULL;

    exchange_clear(exchange);
    transfer = fetch_start(fetch, request, on_end, &run);
    while (!run.ended) {
        fetch_turn_watching(fetch, signals_fd(), TURN_MS);
        if (!run.ended && signals_wait_stop(0)) {
            (void)fetch_cancel(transfer);
            return true;
        }
    }
    return false;
}
