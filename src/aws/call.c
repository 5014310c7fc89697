/* One call's life: sign, send, read the answer, and perhaps once more. */
#include <assert.h>
#include <stdlib.h>

#include "aws/answer.h"
#include "aws/client.h"
#include "aws/sigv4.h"
#include "util/clock.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define PAUSE_BASE_MS           100 /* doubled with each attempt; the pause is a random part of it */
#define THROTTLED_PAUSE_BASE_MS 500
#define PAUSE_MAX_MS            5000
#define SKEW_MIN_MS             60000 /* AWS accepts 5 minutes; less than this is no reason */

/* ---- beginning and end ----------------------------------------------------------------------- */

struct call *call_new(struct aws *aws, const struct aws_call *from, struct call_waiter *waiter)
{
    struct call *call = xcalloc(1, sizeof(*call));
    bool is_sqs = streq(from->service, "sqs");

    assert(is_sqs || streq(from->service, "ecs"));
    call->aws = aws;
    call->service = is_sqs ? &aws->sqs : &aws->ecs;
    call->operation = xstrdup(from->operation);
    call->input = json_dumps(from->input, JSON_COMPACT);
    assert(call->input); /* an object of valid texts always has one */
    call->input_len = strlen(call->input);
    call->write = from->write;
    call->may_send = from->may_send;
    call->may_send_ctx = from->ctx;
    call->cancel = from->cancel;
    call->deadline_mono_ms = clock_mono_ms() + from->timeout_ms;
    call->ticket.class = from->class;
    call->ticket.write = from->write;
    STAILQ_INIT(&call->waiters);
    STAILQ_INSERT_TAIL(&call->waiters, waiter, link);
    return call;
}

void call_wait(struct call *call)
{
    call->state = CALL_WAITING;
    governor_add(&call->aws->governor, &call->ticket);
}

/* Everything but the waiters, who own themselves. */
static void call_free(struct call *call)
{
    aws_answer_clear(&call->answer);
    free(call->operation);
    free(call->input);
    free(call);
}

void call_join(struct call *call, struct call *twin)
{
    STAILQ_CONCAT(&twin->waiters, &call->waiters);
    call_free(call);
}

/* Ends a call which is in no queue and has no transfer. Output NULL: call->answer says why. */
static void finish(struct call *call, const char *output, size_t len)
{
    struct call_waiter *waiter = NULL;

    if (call->state != CALL_NEW) {
        TAILQ_REMOVE(&call->aws->calls, call, link);
    }
    call->answer.deadline_mono_ms = call->deadline_mono_ms;
    if (!output) {
        error_prefix(&call->answer.err, "%s %s in %s", call->service->name, call->operation,
                     call->aws->region);
    }
    while ((waiter = STAILQ_FIRST(&call->waiters))) {
        STAILQ_REMOVE_HEAD(&call->waiters, link);
        waiter->done(waiter, call, &call->answer, output, len);
    }
    call_free(call);
}

void call_end(struct call *call, const struct error *why)
{
    if (call->state == CALL_WAITING) {
        governor_remove(&call->aws->governor, &call->ticket);
    } else if (call->state == CALL_SENT) {
        call->answer.in_doubt = fetch_cancel(call->transfer) && call->write;
        call->aws->n_sent--;
    }
    error_set(&call->answer.err, why->code, "%s", why->text);
    finish(call, NULL, 0);
}

/* ---- signing and sending --------------------------------------------------------------------- */

enum { HEADER_HOST, HEADER_TYPE, HEADER_DATE, HEADER_TARGET, HEADER_TOKEN, HEADERS_SIGNED };

static void sign(const struct call *call, const struct credentials *credentials,
                 const struct fetch_header *headers, size_t n, const char *date,
                 struct strbuf *authorization)
{
    struct sigv4_header to_sign[HEADERS_SIGNED];
    struct sigv4_scope scope = {.region = call->aws->region, .service = call->service->name};
    const struct sigv4_request request = {
        .method = "POST",
        .path = call->service->endpoint.path,
        .headers = to_sign,
        .n_headers = n,
        .body = call->input,
        .body_len = call->input_len,
    };

    for (size_t i = 0; i < n; i++) {
        to_sign[i] = (struct sigv4_header){headers[i].name, headers[i].value};
    }
    memcpy(scope.date, date, sizeof(scope.date));
    sigv4_authorization(&request, &scope, credentials->access_key_id, credentials->secret,
                        authorization);
}

static void answered(void *ctx, const struct fetch_answer *answer);

static void start_transfer(struct call *call, const struct credentials *credentials)
{
    AUTO_STRBUF authorization = {0};
    AUTO_CHAR *target = xasprintf("%s.%s", call->service->target, call->operation);
    char date[17];
    struct fetch_header headers[HEADERS_SIGNED + 1] = {
        [HEADER_HOST] = {"Host", call->service->endpoint.host},
        [HEADER_TYPE] = {"Content-Type", call->service->content_type},
        [HEADER_DATE] = {"X-Amz-Date", date},
        [HEADER_TARGET] = {"X-Amz-Target", target},
        [HEADER_TOKEN] = {"X-Amz-Security-Token", credentials->token},
    };
    size_t n = credentials->token ? HEADERS_SIGNED : HEADER_TOKEN;

    sigv4_date(clock_wall_ms() + call->aws->skew_ms, date);
    sign(call, credentials, headers, n, date, &authorization);
    headers[n++] = (struct fetch_header){"Authorization", authorization.text};
    const struct fetch_request request = {
        .method = "POST",
        .url = call->service->endpoint.url,
        .headers = headers,
        .n_headers = n,
        .body = call->input,
        .body_len = call->input_len,
        .timeout_ms = (int)(call->deadline_mono_ms - clock_mono_ms()),
        .once = call->write,
        .may_send = call->may_send,
        .may_send_ctx = call->may_send_ctx,
    };

    call->sent_us = clock_mono_us();
    call->transfer = fetch_start(call->aws->fetch, &request, answered, call);
}

void call_send(struct call *call, const struct credentials *credentials)
{
    aws_answer_clear(&call->answer);
    call->state = CALL_SENT;
    call->attempts++;
    if (call->may_send && !call->may_send(call->may_send_ctx)) { /* asked again before the body */
        error_set(&call->answer.err, ERR_CONFLICT, "no longer allowed to send");
        finish(call, NULL, 0);
        return;
    }
    call->aws->n_sent++;
    start_transfer(call, credentials);
}

/* ---- reading the answer ---------------------------------------------------------------------- */

/* A random part of a pause that doubles with each attempt, so that callers spread out. */
static int64_t pause_ms(const struct call *call)
{
    int64_t most = call->answer.err.code == ERR_THROTTLED ? THROTTLED_PAUSE_BASE_MS : PAUSE_BASE_MS;
    uint32_t random = 0;

    for (int i = 1; i < call->attempts && most < PAUSE_MAX_MS; i++) {
        most *= 2;
    }
    crypto_random(&random, sizeof(random));
    return random % ((most < PAUSE_MAX_MS ? most : PAUSE_MAX_MS) + 1);
}

static void pause_or_finish(struct call *call)
{
    call->resume_mono_ms = clock_mono_ms() + pause_ms(call);
    if (call->resume_mono_ms < call->deadline_mono_ms) {
        call->state = CALL_PAUSED;
    } else {
        finish(call, NULL, 0);
    }
}

static bool correct_clock(struct aws *aws, const struct fetch_answer *answer)
{
    const char *date = fetch_answer_header(answer, "Date");
    int64_t server_ms = date ? fetch_parse_date_ms(date) : -1;
    int64_t skew_ms = server_ms - clock_wall_ms();

    if (server_ms < 0 || llabs(skew_ms - aws->skew_ms) < SKEW_MIN_MS) {
        return false;
    }
    aws->skew_ms = skew_ms;
    return true;
}

/* Whether something was done about a refusal that calls for another try. */
static bool mended(struct call *call, enum answer_kind kind, const struct fetch_answer *answer)
{
    if (call->second_chance) {
        return false;
    }
    call->second_chance = true;
    return kind == ANSWER_SKEWED ? correct_clock(call->aws, answer)
                                 : credential_chain_refuse(call->aws->credentials);
}

/* No answer came. */
static void failed(struct call *call, const struct fetch_answer *answer)
{
    call->answer.err = answer->err;
    call->answer.in_doubt = call->write && answer->body_sent;
    if (answer->err.code == ERR_UNAVAILABLE && !call->answer.in_doubt) {
        pause_or_finish(call);
    } else {
        finish(call, NULL, 0);
    }
}

static void count_attempt(const struct call *call, const char *code)
{
    size_t api = metric_value_of(METRIC_AWS_CALLS, 0, call->operation);

    metric_add(METRIC_AWS_CALLS,
               metric_cell(METRIC_AWS_CALLS, api, metric_value_of(METRIC_AWS_CALLS, 1, code)), 1);
    metric_observe_us(METRIC_AWS_CALL_DURATION, api, clock_mono_us() - call->sent_us);
}

/* What AWS refused or failed: true when it is worth another attempt. */
static bool wants_again(struct call *call, enum answer_kind kind, const struct fetch_answer *answer)
{
    switch (kind) {
    case ANSWER_OK:
    case ANSWER_REFUSED:
        break;
    case ANSWER_THROTTLED:
        if (call->ticket.class != AWS_SQS) {
            metric_add(METRIC_AWS_THROTTLES, call->write ? BUCKET_WRITES : BUCKET_READS, 1);
            governor_throttled(&call->aws->governor, call->write, clock_mono_ms());
        }
        return true;
    case ANSWER_EXPIRED:
    case ANSWER_SKEWED:
        return mended(call, kind, answer);
    case ANSWER_FAILED:
        call->answer.in_doubt = call->write;
        return !call->write && call->answer.http_status >= 500;
    }
    return false;
}

static void answered(void *ctx, const struct fetch_answer *answer)
{
    struct call *call = ctx;
    const struct answer_parts parts = {
        .status = answer->status,
        .error_type = fetch_answer_header(answer, "x-amzn-errortype"),
        .query_error = fetch_answer_header(answer, "x-amzn-query-error"),
        .request_id = fetch_answer_header(answer, "x-amzn-requestid"),
        .body = answer->body,
        .body_len = answer->body_len,
    };

    call->transfer = NULL;
    call->aws->n_sent--;
    if (answer->err.code != ERR_NONE) {
        log_debug("aws.no_answer", "operation=%s attempt=%d body_sent=%d text=\"%s\"",
                  call->operation, call->attempts, answer->body_sent, answer->err.text);
        count_attempt(call, "no_answer");
        failed(call, answer);
        return;
    }
    enum answer_kind kind = answer_read(&parts, &call->answer);
    const char *code = call->answer.code[0] ? call->answer.code : "none";

    count_attempt(call, kind == ANSWER_OK ? "ok" : code);
    log_debug("aws.answer", "operation=%s attempt=%d status=%d code=%s aws_request=%s",
              call->operation, call->attempts, answer->status, call->answer.code,
              call->answer.request_id);

    if (kind == ANSWER_OK) {
        finish(call, answer->body, answer->body_len);
    } else if (wants_again(call, kind, answer)) {
        pause_or_finish(call);
    } else {
        finish(call, NULL, 0);
    }
}
