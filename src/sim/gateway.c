/* API Gateway: who may call what, in which limits, and what the caller hears.
 * Sources: API Gateway Developer Guide, "Gateway response types" and "Quotas"; the texts are those
 * that clients report. */
#include "sim/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/base64.h"
#include "util/clock.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/mem.h"

#define SERVICE     "execute-api"
#define HEADERS_MAX 10240 /* bytes of the request line and all header lines */

/* ---- refusals -------------------------------------------------------------------------------- */

/* Always -1. The bodies with a space are the gateway's own spelling. */
static int refuse_with(struct gateway_exchange *x, int status, const char *type, const char *format,
                       const char *text)
{
    json_auto_t *quoted = json_string(text);
    char *message = json_dumps(quoted, JSON_ENCODE_ANY);

    x->response->status = status;
    x->response->content_type = "application/json";
    strbuf_reset(&x->response->body);
    strbuf_add_text(&x->response->body, format);
    strbuf_addf(&x->response->body, "%s}", message ? message : "null");
    server_add_header(x->response, "x-amzn-ErrorType", type);
    free(message);
    log_info("gateway.refused", "request=%s status=%d type=%s method=%s path=\"%s\" user=%s",
             x->request_id, status, type, x->request->method, x->request->path,
             x->user.arn ? x->user.arn : "-");
    return -1;
}

static int refuse_call(struct gateway_exchange *x, int status, const char *type, const char *text)
{
    return refuse_with(x, status, type, "{\"message\":", text);
}

static int fail(struct gateway_exchange *x, int status, const char *text)
{
    return refuse_with(x, status, "InternalServerErrorException", "{\"message\": ", text);
}

static int refuse_no_token(struct gateway_exchange *x)
{
    return refuse_call(x, 403, "MissingAuthenticationTokenException",
                       "Missing Authentication Token");
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void add_line_len(void *total, const char *name, const char *value)
{
    *(size_t *)total += strlen(name) + strlen(": ") + strlen(value) + strlen("\r\n");
}

static int check_limits(struct gateway_exchange *x)
{
    const struct server_request *request = x->request;
    size_t len = strlen(request->method) + strlen(request->path) + strlen(request->query) +
                 strlen("  HTTP/1.1\r\n");
    char text[64];

    server_each_header(request, add_line_len, &len);
    if (len > HEADERS_MAX) {
        snprintf(text, sizeof(text), "HTTP header is larger than %d bytes.", HEADERS_MAX);
        return refuse_call(x, 400, "BadRequestException", text);
    }
    if (request->body_too_large) {
        snprintf(text, sizeof(text), "HTTP content length exceeded %d bytes.", GATEWAY_BODY_MAX);
        return refuse_call(x, 413, "RequestTooLargeException", text);
    }
    return 0;
}

/* ---- who and what ---------------------------------------------------------------------------- */

/* "/STAGE/PATH": there is a method for every path but "/". */
static int find_resource(struct gateway_exchange *x)
{
    const char *stage = x->sim->options.gateway_stage;
    const char *path = x->request->path;
    size_t len = strlen(stage);

    if (path[0] != '/' || strncmp(path + 1, stage, len) != 0 ||
        (path[1 + len] != '/' && path[1 + len] != '\0')) {
        return refuse_call(x, 403, "ForbiddenException", "Forbidden");
    }
    x->path = path + 1 + len;
    return x->path[0] == '/' && x->path[1] != '\0' ? 0 : refuse_no_token(x);
}

static int check_caller(struct gateway_exchange *x)
{
    struct refusal refusal = {0};
    AUTO_STRBUF expected = {0};

    if (!server_header(x->request, "Authorization")) {
        return refuse_no_token(x);
    }
    if (auth_check(x->sim, x->request, SERVICE, &x->user, &expected, &refusal) == 0) {
        return 0;
    }
    AUTO_CHAR *text = xasprintf("%s%s%s", refusal.text, expected.len > 0 ? "\n\n" : "",
                                expected.len > 0 ? expected.text : "");

    return refuse_call(x, refusal.status, refusal.code, text);
}

/* ---- the function ---------------------------------------------------------------------------- */

static void answer(struct gateway_exchange *x, const struct runtime_result *result)
{
    struct error err = {0};

    x->response->content_type = "application/json"; /* unless the function says */
    if (gateway_read_reply(x, &result->answer, &err) == 0) {
        server_add_header(x->response, "X-Amzn-Trace-Id", x->trace_id);
        log_debug("gateway.request",
                  "request=%s status=%d method=%s path=\"%s\" user=%s took_ms=%lld", x->request_id,
                  x->response->status, x->request->method, x->request->path, x->user.arn,
                  (long long)(clock_wall_ms() - x->at_ms));
        return;
    }
    log_warn("gateway.malformed_reply", "request=%s invocation=%s why=\"%s\"", x->request_id,
             result->id, err.text);
    fail(x, 502, "Internal server error");
}

static void invoke(struct gateway_exchange *x)
{
    const struct settings *settings = &x->sim->settings;
    AUTO_STRBUF event = {0};
    struct runtime_result result;

    gateway_write_event(x, &event);
    if (event.len > RUNTIME_PAYLOAD_MAX) {
        refuse_call(x, 413, "RequestTooLargeException", "Request Too Long");
        return;
    }
    runtime_invoke(&x->sim->runtime, &event, x->trace_id, settings->integration_timeout_ms,
                   settings->function_timeout_ms, &result);
    switch (result.outcome) {
    case RUNTIME_ANSWERED:
        answer(x, &result);
        break;
    case RUNTIME_FAILED:
        log_warn("gateway.function_failed", "request=%s invocation=%s text=\"%s\"", x->request_id,
                 result.id, result.error);
        fail(x, 502, "Internal server error");
        break;
    case RUNTIME_LATE:
        fail(x, 504, "Endpoint request timed out");
    }
    strbuf_clear(&result.answer);
}

/* ---- the listener ---------------------------------------------------------------------------- */

static void name_request(struct gateway_exchange *x)
{
    uint8_t random[12];
    char hex[2 * sizeof(random) + 1];
    AUTO_STRBUF extended = {0};

    uuid_make(x->request_id);
    crypto_random(random, sizeof(random));
    crypto_hex(random, sizeof(random), hex);
    snprintf(x->trace_id, sizeof(x->trace_id), "Root=1-%08llx-%s",
             (unsigned long long)(x->at_ms / 1000), hex);
    base64_encode(random, 11, &extended); /* 15 characters and a "=", as there */
    snprintf(x->extended_id, sizeof(x->extended_id), "%s", extended.text);
    server_add_header(x->response, "x-amzn-RequestId", x->request_id);
    server_add_header(x->response, "x-amz-apigw-id", x->extended_id);
}

void gateway_handle(void *ctx, const struct server_request *request,
                    struct server_response *response)
{
    struct gateway_exchange x = {
        .sim = ctx,
        .request = request,
        .response = response,
        .at_ms = clock_wall_ms(),
    };

    name_request(&x);
    if (check_limits(&x) == 0 && find_resource(&x) == 0 && check_caller(&x) == 0) {
        invoke(&x);
    }
}
