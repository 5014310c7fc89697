/* Signed requests over a connection which is kept for reads alone. */
#include "lambda-proxy/backend.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/keys.h"
#include "http/signature.h"
#include "http/url.h"
#include "util/clock.h"
#include "util/mem.h"

#define CONNECT_MS  2000
#define OWN_HEADERS 10 /* beside the client's */

/*
 * A connection older than this is not used again. The load balancer closes an idle one after 35 s,
 * and of one that outlived the freezing of the sandbox we would not even hear that it is closed. By
 * the wall clock: the monotonic one stands still in a frozen sandbox.
 */
#define IDLE_MS 10000

struct backend {
    struct backend_options options;
    struct fetch *fetch;
    int64_t used_at_ms; /* wall clock; 0: never */
};

/* ---- open ------------------------------------------------------------------------------------ */

static bool names_a_server(const char *text)
{
    struct url url;

    return url_parse(text, &url) && (*url.path == '\0' || streq(url.path, "/"));
}

int backend_check(const struct backend_options *options, struct error *err)
{
    if (!options->url || !names_a_server(options->url)) {
        return error_set(err, ERR_INVALID,
                         "BLOX_BACKEND_URL: want http://host, https://host, with :port or "
                         "without, and no path; it is %s%.100s%s",
                         options->url ? "\"" : "", options->url ? options->url : "missing",
                         options->url ? "\"" : "");
    }
    if (!options->key_id || !key_id_is_valid(options->key_id)) {
        return error_set(err, ERR_INVALID,
                         "BLOX_KEY_ID: want the id of the proxy's key, up to %d of A-Z a-z 0-9 . _ "
                         "-; it is %s",
                         KEY_ID_MAX, options->key_id ? "another text" : "missing");
    }
    size_t secret_len = options->key_secret ? strlen(options->key_secret) : 0;

    if (secret_len < KEY_SECRET_MIN || secret_len > KEY_SECRET_MAX) {
        return error_set(err, ERR_INVALID,
                         "BLOX_KEY_SECRET: want the secret of key %.64s, %d to %d bytes; it %s",
                         options->key_id, KEY_SECRET_MIN, KEY_SECRET_MAX,
                         !options->key_secret          ? "is missing"
                         : secret_len < KEY_SECRET_MIN ? "is shorter"
                                                       : "is longer");
    }
    return 0;
}

struct backend *backend_open(const struct backend_options *options, struct error *err)
{
    AUTO(backend) *backend = xcalloc(1, sizeof(*backend));

    backend->options = *options;
    backend->fetch = fetch_new(1, "blox-lambda-proxy/" PACKAGE_VERSION, err);
    return backend->fetch ? TAKE(backend) : NULL;
}

void backend_free(struct backend *backend)
{
    if (!backend) {
        return;
    }
    fetch_free(backend->fetch);
    free(backend);
}

/* ---- one exchange ---------------------------------------------------------------------------- */

struct letter { /* a request's headers, complete */
    struct fetch_header items[HEADERS_MAX + 3 + OWN_HEADERS];
    size_t n;
    char timestamp[TIMESTAMP_LEN_MAX + 1];
    char signature[SIGNATURE_LEN];
};

static void add(struct letter *letter, const char *name, const char *value)
{
    if (value && *value) {
        letter->items[letter->n++] = (struct fetch_header){name, value};
    }
}

/* ERR_INTERNAL: the call has been checked, so nothing in it can keep us from signing. */
static int sign(const struct backend *backend, const struct call *call, struct letter *letter,
                struct error *err)
{
    struct signature_request request = {
        .timestamp = letter->timestamp,
        .method = call->method,
        .target = call->target.text,
        .body = call->body.text,
        .body_len = call->body.len,
        .identity = call->identity,
    };

    request.identity.key_id = backend->options.key_id;
    snprintf(letter->timestamp, sizeof(letter->timestamp), "%" PRId64, clock_wall_ms() / 1000);
    if (!signature_make(&request, backend->options.key_secret, letter->signature)) {
        return error_set(err, ERR_INTERNAL, "the request cannot be signed");
    }
    add(letter, "X-Blox-Key-Id", request.identity.key_id);
    add(letter, "X-Blox-Caller-Arn", request.identity.caller_arn);
    add(letter, "X-Blox-Caller-Account", request.identity.caller_account);
    add(letter, "X-Blox-Caller-Id", request.identity.caller_id);
    add(letter, "X-Blox-Source-Ip", request.identity.source_ip);
    add(letter, "X-Blox-Api-Request-Id", request.identity.api_request_id);
    add(letter, "X-Blox-Timestamp", letter->timestamp);
    add(letter, "X-Blox-Signature", letter->signature);
    return 0;
}

static int write_letter(const struct backend *backend, const struct call *call,
                        const char *request_id, const char *trace_id, struct letter *letter,
                        struct error *err)
{
    letter->n = 0;
    for (size_t i = 0; i < call->headers.n; i++) {
        const struct header *header = &call->headers.items[i];

        if (!(trace_id && strcasecmp(header->name, "X-Amzn-Trace-Id") == 0)) {
            letter->items[letter->n++] = (struct fetch_header){header->name, header->value};
        }
    }
    add(letter, "X-Request-Id", request_id);
    add(letter, "X-Amzn-Trace-Id", trace_id);
    return sign(backend, call, letter, err);
}

static void attempt(struct backend *backend, const struct call *call, const struct letter *letter,
                    bool fresh, int64_t budget_ms, struct exchange *out)
{
    bool writes = call->method[0] == 'P'; /* POST, PUT, PATCH: with a length, be it 0 */
    const struct fetch_request request = {
        .method = call->method,
        .url = backend->options.url,
        .target = call->target.text,
        .headers = letter->items,
        .n_headers = letter->n,
        .body = writes && !call->body.text ? "" : call->body.text,
        .body_len = call->body.len,
        .timeout_ms = (int)budget_ms,
        .connect_ms = CONNECT_MS,
        .answer_max = BACKEND_ANSWER_MAX,
        .once = true,
        .used_up = !call_is_read(call), /* it is never sent again */
        .fresh = fresh,
        .direct = true,
    };

    exchange_run(out, backend->fetch, &request);
    backend->used_at_ms = clock_wall_ms();
}

/*
 * Only reads use a connection again: where that was closed meanwhile they are sent once more, and
 * nobody notices. Anything else would have to fail, because nobody could say whether it took
 * effect.
 */
void backend_send(struct backend *backend, const struct call *call, const char *request_id,
                  const char *trace_id, int64_t budget_ms, struct exchange *out)
{
    int64_t end_ms = clock_mono_ms() + budget_ms;
    int64_t idle_ms = clock_wall_ms() - backend->used_at_ms;
    bool fresh = !call_is_read(call) || idle_ms < 0 || idle_ms > IDLE_MS;
    struct letter letter;

    exchange_clear(out);
    if (write_letter(backend, call, request_id, trace_id, &letter, &out->err) < 0) {
        return;
    }
    attempt(backend, call, &letter, fresh, budget_ms, out);
    int64_t left_ms = end_ms - clock_mono_ms();

    if (out->err.code == ERR_UNAVAILABLE && !out->begun && !out->timed_out && call_is_read(call) &&
        left_ms > 0) {
        attempt(backend, call, &letter, true, left_ms, out);
    }
    if (out->err.code == ERR_INVALID) {
        out->err.code = ERR_INTERNAL; /* our own request; the call itself has been checked */
    }
}
