/* The Runtime API's four calls, over one connection which is kept. */
#include "lambda-proxy/runtime.h"

#include <ctype.h>
#include <stdlib.h>

#include "util/js.h"
#include "util/mem.h"
#include "util/signals.h"

#define API_VERSION "2018-06-01"
#define POST_MS     10000 /* for one answer */
#define ID_LEN_MAX  128

struct runtime {
    struct fetch *fetch;
    char *base; /* http://host:port/2018-06-01 */
    struct exchange next;
    char *id; /* of the event we work on */
};

struct runtime *runtime_open(const char *address, struct error *err)
{
    AUTO(runtime) *runtime = xcalloc(1, sizeof(*runtime));

    runtime->base = xasprintf("http://%s/" API_VERSION, address);
    runtime->fetch = fetch_new(1, "blox-lambda-proxy/" PACKAGE_VERSION, err);
    return runtime->fetch ? TAKE(runtime) : NULL;
}

void runtime_free(struct runtime *runtime)
{
    if (!runtime) {
        return;
    }
    fetch_free(runtime->fetch);
    exchange_clear(&runtime->next);
    free(runtime->base);
    free(runtime->id);
    free(runtime);
}

/* ---- next ------------------------------------------------------------------------------------ */

/* It becomes a part of our next path. */
static bool id_is_valid(const char *id)
{
    if (!id || !*id || strlen(id) > ID_LEN_MAX) {
        return false;
    }
    for (const char *c = id; *c; c++) {
        if (!isascii((unsigned char)*c) || (!isalnum((unsigned char)*c) && *c != '-')) {
            return false;
        }
    }
    return true;
}

static int read_next(struct runtime *runtime, struct invocation *out, struct error *err)
{
    struct exchange *next = &runtime->next;
    const char *id = headers_last(&next->headers, "Lambda-Runtime-Aws-Request-Id");
    const char *deadline = headers_last(&next->headers, "Lambda-Runtime-Deadline-Ms");

    if (next->status != 200) {
        return error_set(err, ERR_PROTOCOL, "status %d", next->status);
    }
    if (!id_is_valid(id)) {
        return error_set(err, ERR_PROTOCOL, "no valid Lambda-Runtime-Aws-Request-Id");
    }
    free(runtime->id);
    runtime->id = xstrdup(id);
    *out = (struct invocation){
        .id = runtime->id,
        .trace_id = headers_last(&next->headers, "Lambda-Runtime-Trace-Id"),
        .deadline_ms = deadline ? strtoll(deadline, NULL, 10) : 0,
        .event = &next->body,
    };
    return 0;
}

/* A connection that died in a frozen sandbox does no harm: libcurl asks again by itself. */
int runtime_next(struct runtime *runtime, struct invocation *out, struct error *err)
{
    AUTO_CHAR *url = xasprintf("%s/runtime/invocation/next", runtime->base);
    const struct fetch_request request = {
        .method = "GET",
        .url = url,
        .timeout_ms = FETCH_FOREVER,
        .direct = true,
    };
    int rc = -1;

    /* Not asked for once a stop was: an event that is on its way would be lost. */
    if (signals_wait_stop(0) || exchange_run_or_stop(&runtime->next, runtime->fetch, &request)) {
        return 1;
    }
    if (runtime->next.err.code == ERR_NONE) {
        rc = read_next(runtime, out, err);
    } else {
        error_set(err, runtime->next.err.code, "%s", runtime->next.err.text);
    }
    return rc == 0 ? 0 : error_prefix(err, "%s", url);
}

/* ---- what came of it ------------------------------------------------------------------------- */

/* libcurl may repeat it: a second answer to the same event is refused and does no harm. */
static int post(struct runtime *runtime, const char *path, const struct fetch_header *headers,
                size_t n_headers, const char *body, size_t body_len, struct error *err)
{
    AUTO_CHAR *url = xasprintf("%s/runtime/%s", runtime->base, path);
    const struct fetch_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .n_headers = n_headers,
        .body = body,
        .body_len = body_len,
        .timeout_ms = POST_MS,
        .direct = true,
    };
    AUTO_EXCHANGE answer = {0};

    exchange_run(&answer, runtime->fetch, &request);
    if (answer.err.code != ERR_NONE) {
        return error_set(err, answer.err.code, "%s: %s", url, answer.err.text);
    }
    if (answer.status < 200 || answer.status > 299) {
        return error_set(err, ERR_PROTOCOL, "%s: status %d, %.80s", url, answer.status,
                         answer.body.text ? answer.body.text : "");
    }
    return 0;
}

int runtime_answer(struct runtime *runtime, const char *json, size_t len, struct error *err)
{
    AUTO_CHAR *path = xasprintf("invocation/%s/response", runtime->id);
    const struct fetch_header type = {"Content-Type", "application/json"};

    return post(runtime, path, &type, 1, json, len, err);
}

static int post_failure(struct runtime *runtime, const char *path, const char *type,
                        const char *message, struct error *err)
{
    const struct fetch_header headers[] = {
        {"Content-Type", "application/vnd.aws.lambda.error+json"},
        {"Lambda-Runtime-Function-Error-Type", type},
    };
    AUTO_STRBUF body = {0};

    strbuf_add_char(&body, '{');
    js_write_key(&body, "errorMessage");
    js_write_string(&body, message);
    js_write_key(&body, "errorType");
    js_write_string(&body, type);
    strbuf_add_text(&body, ",\"stackTrace\":[]}");
    return post(runtime, path, headers, ARRAY_LEN(headers), body.text, body.len, err);
}

int runtime_fail(struct runtime *runtime, const char *type, const char *message, struct error *err)
{
    AUTO_CHAR *path = xasprintf("invocation/%s/error", runtime->id);

    return post_failure(runtime, path, type, message, err);
}

int runtime_fail_init(struct runtime *runtime, const char *type, const char *message,
                      struct error *err)
{
    return post_failure(runtime, "init/error", type, message, err);
}
