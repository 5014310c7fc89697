/* Lambda's Runtime API over HTTP: next, response, error and init/error, with their status codes.
 * Source: AWS Lambda Developer Guide, "Using the Lambda runtime API". */
#include <stdio.h>
#include <string.h>

#include "sim/emit.h"
#include "sim/parts.h"
#include "util/log.h"
#include "util/mem.h"

#define API_VERSION     "/2018-06-01"
#define FUNCTION_NAME   "blox-lambda-proxy"
#define LOOK_EVERY_MS   200 /* whether a client that waits is still there */
#define ENVIRONMENT_MAX 64

/* One call, taken apart. */
struct runtime_call {
    struct sim *sim;
    const struct server_request *request;
    struct server_response *response;
    char environment[ENVIRONMENT_MAX]; /* what stands before the version */
    char id[UUID_LEN];                 /* of the invocation, or "" */
};

static void answer_error(struct runtime_call *call, int status, const char *type, const char *text)
{
    struct emit e = {.out = &call->response->body};

    call->response->status = status;
    emit_open(&e, NULL, '{');
    emit_text(&e, "errorMessage", text);
    emit_text(&e, "errorType", type);
    emit_close(&e, '}');
}

static void answer_accepted(struct runtime_call *call)
{
    call->response->status = 202;
    strbuf_add_text(&call->response->body, "{\"status\":\"OK\"}");
}

/* ---- next ------------------------------------------------------------------------------------ */

static void send_event(struct runtime_call *call, struct runtime_event *event)
{
    const struct sim_options *options = &call->sim->options;
    struct server_response *response = call->response;
    AUTO_CHAR *deadline = xasprintf("%lld", (long long)event->deadline_ms);
    AUTO_CHAR *function = xasprintf("arn:aws:lambda:%s:%s:function:" FUNCTION_NAME, options->region,
                                    options->account);

    server_add_header(response, "Lambda-Runtime-Aws-Request-Id", event->id);
    server_add_header(response, "Lambda-Runtime-Deadline-Ms", deadline);
    server_add_header(response, "Lambda-Runtime-Invoked-Function-Arn", function);
    server_add_header(response, "Lambda-Runtime-Trace-Id", event->trace_id);
    response->body = event->body;
}

static void next(struct runtime_call *call)
{
    struct runtime *runtime = &call->sim->runtime;
    struct runtime_event event;

    runtime_begin_next(runtime, call->environment);
    call->response->drop = true;
    while (call->response->drop && !runtime_is_ending(runtime)) {
        bool some = runtime_wait(runtime, call->environment, LOOK_EVERY_MS);

        if (server_client_gone(call->request)) {
            break;
        }
        if (some && runtime_take(runtime, call->environment, &event)) {
            send_event(call, &event);
            call->response->drop = false;
        }
    }
    runtime_end_next(runtime);
}

/* ---- response and error ---------------------------------------------------------------------- */

/* "Type: message" of an error's document; anything else is told as it is. */
static char *read_error(const struct server_request *request)
{
    json_auto_t *document = json_loadb(request->body, request->body_len, 0, NULL);
    const char *type = json_string_value(json_object_get(document, "errorType"));
    const char *message = json_string_value(json_object_get(document, "errorMessage"));
    const char *header = server_header(request, "Lambda-Runtime-Function-Error-Type");

    type = type ? type : header;
    return type || message ? xasprintf("%s: %s", type ? type : "Error", message ? message : "")
                           : xstrdup("Error: the function said no more");
}

static void finish(struct runtime_call *call, const char *error)
{
    const struct server_request *request = call->request;

    switch (runtime_answer(&call->sim->runtime, call->environment, call->id, request->body,
                           request->body_len, error)) {
    case RUNTIME_UNKNOWN:
        answer_error(call, 400, "InvalidRequestID", "Invalid request ID");
        break;
    case RUNTIME_OVER:
        answer_error(call, 403, "InvalidStateTransition",
                     "State transition from Ready failed for runtime. Error: State transition is "
                     "not allowed");
        break;
    case RUNTIME_TAKEN:
        answer_accepted(call);
    }
}

static void respond(struct runtime_call *call)
{
    char text[128];

    if (!call->request->body_too_large) {
        finish(call, NULL);
        return;
    }
    snprintf(text, sizeof(text), "Exceeded maximum allowed payload size (%d bytes).",
             RUNTIME_PAYLOAD_MAX);
    AUTO_CHAR *error = xasprintf("Function.ResponseSizeTooLarge: %s", text);

    finish(call, error);
    if (call->response->status == 202) { /* and with this the invocation is closed */
        strbuf_reset(&call->response->body);
        answer_error(call, 413, "RequestEntityTooLarge", text);
    }
}

static void fail(struct runtime_call *call)
{
    AUTO_CHAR *error = read_error(call->request);

    log_warn("function.error", "invocation=%s text=\"%s\"", call->id, error);
    finish(call, error);
}

static void fail_init(struct runtime_call *call)
{
    AUTO_CHAR *error = read_error(call->request);

    log_warn("function.init_error", "text=\"%s\"", error);
    runtime_init_failed(&call->sim->runtime, error);
    answer_accepted(call);
}

/* ---- routes ---------------------------------------------------------------------------------- */

/* An environment's name, if any, stands before the version: `AWS_LAMBDA_RUNTIME_API=HOST:PORT/NAME`
 * gives a process one of its own. */
static const char *split_path(struct runtime_call *call)
{
    const char *path = call->request->path;
    const char *version = strstr(path, API_VERSION "/");
    size_t len = version ? (size_t)(version - path) : 0;

    if (!version || len >= sizeof(call->environment)) {
        return NULL;
    }
    memcpy(call->environment, path, len);
    call->environment[len] = '\0';
    return version + strlen(API_VERSION);
}

/* "/runtime/invocation/ID/WHAT": takes the id out and gives "WHAT", or NULL. */
static const char *split_invocation(struct runtime_call *call, const char *path)
{
    static const char prefix[] = "/runtime/invocation/";
    const char *id = path + strlen(prefix);

    if (strncmp(path, prefix, strlen(prefix)) != 0) {
        return NULL;
    }
    size_t len = strcspn(id, "/");

    if (id[len] != '/') {
        return NULL;
    }
    if (len < sizeof(call->id)) { /* a longer one is of no invocation: as good as none */
        memcpy(call->id, id, len);
    }
    return id + len + 1;
}

static void route(struct runtime_call *call)
{
    const char *path = split_path(call);
    const char *what = path ? split_invocation(call, path) : NULL;
    bool get = streq(call->request->method, "GET");
    bool post = streq(call->request->method, "POST");

    if (path && get && streq(path, "/runtime/invocation/next")) {
        next(call);
    } else if (what && post && streq(what, "response")) {
        respond(call);
    } else if (what && post && streq(what, "error")) {
        fail(call);
    } else if (path && post && streq(path, "/runtime/init/error")) {
        fail_init(call);
    } else {
        answer_error(call, 404, "NotFound", "The Runtime API has no such call");
    }
}

void runtime_api_handle(void *ctx, const struct server_request *request,
                        struct server_response *response)
{
    struct runtime_call call = {.sim = ctx, .request = request, .response = response};

    response->content_type = "application/json";
    route(&call);
}
