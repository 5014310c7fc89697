/* The steps between an event and its answer, and the log line about them. */
#include "lambda-proxy/proxy.h"

#include <inttypes.h>

#include "lambda-proxy/answer.h"
#include "lambda-proxy/budget.h"
#include "util/clock.h"
#include "util/js.h"
#include "util/log.h"

#define STREAM_TEXT                                                                                \
    "streams do not pass API Gateway, which ends every call after 29 seconds; read them inside "   \
    "the VPC, from the cluster state service (port 3000 of the Blox task), signed with a key of "  \
    "your own"

/* An event on its way. */
struct work {
    struct backend *backend;
    const struct invocation *invocation;
    int64_t began_us;
    int64_t backend_us;
    int status;
    const char *why; /* the client gets no answer of the backend's; or NULL */
    struct strbuf *out;
};

static int refuse(struct work *work, int status, const char *message, const char *why)
{
    answer_write_failure(work->out, status, work->invocation->id, message);
    work->status = status;
    work->why = why;
    return 0;
}

/* ---- the backend's answer -------------------------------------------------------------------- */

static int refuse_large(struct work *work)
{
    return refuse(work, 502,
                  "the answer is larger than API Gateway's functions may give (6 MiB); ask for "
                  "less at once, with maxResults or filters",
                  "the answer is larger than 6 MiB");
}

static int fail(struct work *work, const struct exchange *reply, struct error *err)
{
    if (reply->err.code == ERR_INTERNAL) {
        return error_set(err, ERR_INTERNAL, "%s", reply->err.text);
    }
    if (reply->too_long) {
        return refuse_large(work);
    }
    return reply->timed_out ? refuse(work, 504, "Blox did not answer in time", reply->err.text)
                            : refuse(work, 502, "Blox cannot be reached, or its answer is unusable",
                                     reply->err.text);
}

static int pass_on(struct work *work, struct exchange *reply)
{
    if (reply->status < 200 || reply->status > 599) {
        return refuse(work, 502, "Blox' answer is unusable", "its status is none of an answer");
    }
    headers_clean_answer(&reply->headers);
    if (!answer_write(work->out, reply->status, &reply->headers, &reply->body)) {
        return refuse_large(work);
    }
    work->status = reply->status;
    return 0;
}

static int ask_backend(struct work *work, const struct call *call, struct exchange *reply,
                       struct error *err)
{
    const struct invocation *invocation = work->invocation;
    int64_t left_ms = budget_ms(invocation->deadline_ms, clock_wall_ms());

    if (left_ms <= 0) {
        return refuse(work, 504, "there is no time left to ask Blox",
                      "the function's deadline is too near");
    }
    int64_t sent_us = clock_mono_us();

    backend_send(work->backend, call, invocation->id, invocation->trace_id, left_ms, reply);
    work->backend_us = clock_mono_us() - sent_us;
    return reply->err.code == ERR_NONE ? pass_on(work, reply) : fail(work, reply, err);
}

/* ---- the event ------------------------------------------------------------------------------- */

/* nginx gives each request an id of its own, which its log and the audit have.
 * Times in microseconds: the proxy's own part is far below a millisecond. */
static void log_work(const struct work *work, const struct call *call, const struct headers *reply)
{
    const struct signature_identity *who = &call->identity;
    const char *nginx_id = headers_last(reply, "X-Request-Id");

    log_line(work->why && work->status > 501 ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "request",
             "method=%s path=\"%s\" status=%d took_us=%" PRId64 " backend_us=%" PRId64
             " bytes_in=%zu bytes_out=%zu caller=\"%s\" api_request=\"%s\" backend_request=\"%s\" "
             "text=\"%s\"",
             call->method, call->path, work->status, clock_mono_us() - work->began_us,
             work->backend_us, call->body.len, work->out->len,
             who->caller_arn ? who->caller_arn : "", who->api_request_id ? who->api_request_id : "",
             nginx_id ? nginx_id : "", work->why ? work->why : "");
}

/* The event may hold secrets, so only the names of its members are logged. */
static int refuse_event(struct work *work, const json_t *event, size_t event_len,
                        const struct error *why)
{
    AUTO_STRBUF keys = {0};

    event_keys(event, &keys);
    log_warn("request.refused", "text=\"%s\" bytes=%zu keys=\"%s\"", why->text, event_len,
             keys.text);
    return refuse(work, 400, why->text, why->text);
}

static int serve(struct work *work, struct error *err)
{
    size_t event_len = work->invocation->event->len;
    AUTO_STRBUF body = {0};
    struct error why = {0};
    json_auto_t *event = js_parse_apart(work->invocation->event, "body", &body, &why);
    AUTO(call) *call = event ? call_from_event(event, &body, &why) : NULL;
    AUTO_EXCHANGE reply = {0};

    if (!call) {
        return refuse_event(work, event, event_len, &why);
    }
    if (call->to_stream) {
        refuse(work, 501, STREAM_TEXT, "a stream");
    } else if (ask_backend(work, call, &reply, err) < 0) {
        return -1;
    }
    log_work(work, call, &reply.headers);
    return 0;
}

int proxy_handle(struct backend *backend, const struct invocation *invocation, struct strbuf *out,
                 struct error *err)
{
    struct work work = {
        .backend = backend, .invocation = invocation, .began_us = clock_mono_us(), .out = out};

    return serve(&work, err);
}
