/* From the event's members to a request; whatever cannot be sent on as it came is refused. */
#include "lambda-proxy/event.h"

#include <stdlib.h>

#include "lambda-proxy/target.h"
#include "util/base64.h"
#include "util/mem.h"

#define KEYS_LEN_MAX 400 /* bytes of names which event_keys writes */

/* What the gateway takes for ANY. */
static const char *const methods[] = {"GET",   "HEAD",   "POST",    "PUT",
                                      "PATCH", "DELETE", "OPTIONS", NULL};

void call_free(struct call *call)
{
    if (!call) {
        return;
    }
    strbuf_clear(&call->target);
    free(call->path);
    headers_clear(&call->headers);
    strbuf_clear(&call->body);
    free(call);
}

bool call_is_read(const struct call *call)
{
    return streq(call->method, "GET") || streq(call->method, "HEAD");
}

/* ---- members --------------------------------------------------------------------------------- */

/* A member that is a text or null; NULL for the latter and for an absent one. */
static int get_text(const json_t *obj, const char *key, const char **out, struct error *err)
{
    const json_t *value = json_object_get(obj, key);

    *out = NULL;
    if (!value || json_is_null(value)) {
        return 0;
    }
    if (!json_is_string(value)) {
        return error_set(err, ERR_INVALID, "event: %s is no text", key);
    }
    if (strlen(json_string_value(value)) != json_string_length(value)) {
        return error_set(err, ERR_INVALID, "event: %s has a zero byte", key);
    }
    *out = json_string_value(value);
    return 0;
}

/* A member that is an object or null; NULL for the latter and for an absent one. */
static int get_object(const json_t *obj, const char *key, json_t **out, struct error *err)
{
    json_t *value = json_object_get(obj, key);

    *out = NULL;
    if (!value || json_is_null(value)) {
        return 0;
    }
    if (!json_is_object(value)) {
        return error_set(err, ERR_INVALID, "event: %s is no object", key);
    }
    *out = value;
    return 0;
}

typedef int on_pair(struct call *call, const char *name, const char *value, struct error *err);

static int give_value(struct call *call, const char *map, const char *name, const json_t *value,
                      on_pair *each, struct error *err)
{
    if (json_is_null(value)) {
        return 0;
    }
    if (!json_is_string(value)) {
        return error_set(err, ERR_INVALID, "event: a value in %s is no text", map);
    }
    if (strlen(json_string_value(value)) != json_string_length(value)) {
        return error_set(err, ERR_INVALID, "event: a value in %s has a zero byte", map);
    }
    return each(call, name, json_string_value(value), err);
}

/* Gives every name and value of a map of texts, or of lists of texts. */
static int give_pairs(struct call *call, const char *map, json_t *pairs, on_pair *each,
                      struct error *err)
{
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(pairs, name, value)
    {
        if (!json_is_array(value)) {
            if (give_value(call, map, name, value, each, err) < 0) {
                return -1;
            }
            continue;
        }
        for (size_t i = 0; i < json_array_size(value); i++) {
            if (give_value(call, map, name, json_array_get(value, i), each, err) < 0) {
                return -1;
            }
        }
    }
    return 0;
}

/* The map with all values where the event has it, else the one with the last of each. */
static int read_pairs(struct call *call, const json_t *event, const char *multi, const char *single,
                      on_pair *each, struct error *err)
{
    json_t *pairs = NULL;

    if (get_object(event, multi, &pairs, err) < 0) {
        return -1;
    }
    if (pairs) {
        return give_pairs(call, multi, pairs, each, err);
    }
    return get_object(event, single, &pairs, err) < 0 ? -1
                                                      : give_pairs(call, single, pairs, each, err);
}

/* ---- the request ----------------------------------------------------------------------------- */

static int read_method(struct call *call, const json_t *event, struct error *err)
{
    const char *method = NULL;

    if (get_text(event, "httpMethod", &method, err) < 0) {
        return -1;
    }
    for (size_t m = 0; method && methods[m]; m++) {
        if (streq(methods[m], method)) {
            call->method = methods[m];
            return 0;
        }
    }
    return error_set(err, ERR_INVALID,
                     method ? "event: httpMethod is none that passes here"
                            : "event: httpMethod is missing");
}

static int add_parameter(struct call *call, const char *name, const char *value, struct error *err)
{
    if (strlen(name) + strlen(value) > TARGET_LEN_MAX - call->target.len) {
        return error_set(err, ERR_INVALID, "path and query are longer than %d bytes",
                         TARGET_LEN_MAX);
    }
    target_add_parameter(&call->target, name, value);
    if (call->target.len > TARGET_LEN_MAX) {
        return error_set(err, ERR_INVALID, "path and query are longer than %d bytes",
                         TARGET_LEN_MAX);
    }
    return 0;
}

static int read_target(struct call *call, const json_t *event, struct error *err)
{
    const char *path = NULL;

    if (get_text(event, "path", &path, err) < 0) {
        return -1;
    }
    if (!path || *path != '/') {
        return error_set(err, ERR_INVALID, "event: path does not begin with a slash");
    }
    if (strlen(path) <= TARGET_LEN_MAX) {
        target_add_path(&call->target, path);
    }
    if (call->target.len == 0 || call->target.len > TARGET_LEN_MAX) {
        return error_set(err, ERR_INVALID, "path and query are longer than %d bytes",
                         TARGET_LEN_MAX);
    }
    call->path = xstrdup(call->target.text);
    call->to_stream = target_is_stream(call->path);
    return read_pairs(call, event, "multiValueQueryStringParameters", "queryStringParameters",
                      add_parameter, err);
}

/* What the base64 in `body` stands for takes its place, piece by piece. */
static bool decode(struct strbuf *body)
{
    AUTO_STRBUF text = *body;

    *body = (struct strbuf){0};
    strbuf_add_text(body, ""); /* of nothing comes nothing, and that is a body */
    for (size_t at = 0, n; at < text.len; at += n) {
        n = text.len - at < MEM_PIECE ? text.len - at : MEM_PIECE;
        if (!base64_decode(text.text + at, n, body) ||
            (at + n < text.len && text.text[at + n - 1] == '=')) {
            return false;
        }
        mem_give_back(text.text, at + n);
    }
    return true;
}

static int read_body(struct call *call, const json_t *event, struct strbuf *text, struct error *err)
{
    const json_t *body = json_object_get(event, "body");
    const json_t *encoded = json_object_get(event, "isBase64Encoded");

    if (encoded && !json_is_boolean(encoded) && !json_is_null(encoded)) {
        return error_set(err, ERR_INVALID, "event: isBase64Encoded is no boolean");
    }
    if (!body || json_is_null(body) || streq(call->method, "HEAD")) { /* a HEAD has none */
        return 0;
    }
    if (!json_is_string(body)) {
        return error_set(err, ERR_INVALID, "event: body is no text");
    }
    call->body = *text;
    *text = (struct strbuf){0};
    if (json_is_true(encoded) && !decode(&call->body)) {
        return error_set(err, ERR_INVALID, "event: body is no base64");
    }
    return 0;
}

/* ---- who asks, and by which way -------------------------------------------------------------- */

/* It will be one header and one signed line: no control character, no blank which is trimmed. */
static bool identity_is_valid(const char *text)
{
    size_t len = strlen(text);

    return header_value_is_valid(text) && !strchr(text, '\t') && *text != ' ' &&
           (len == 0 || text[len - 1] != ' ');
}

static int read_identity(struct call *call, const json_t *context, struct error *err)
{
    struct signature_identity *who = &call->identity;
    json_t *identity = NULL;
    const char *host = NULL;

    if (get_object(context, "identity", &identity, err) < 0 ||
        get_text(context, "requestId", &who->api_request_id, err) < 0 ||
        get_text(context, "domainName", &host, err) < 0 ||
        get_text(identity, "userArn", &who->caller_arn, err) < 0 ||
        get_text(identity, "accountId", &who->caller_account, err) < 0 ||
        get_text(identity, "caller", &who->caller_id, err) < 0 ||
        get_text(identity, "sourceIp", &who->source_ip, err) < 0) {
        return -1;
    }
    const char *const texts[] = {who->caller_arn, who->caller_account, who->caller_id,
                                 who->source_ip,  who->api_request_id, host};

    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        if (texts[t] && !identity_is_valid(texts[t])) {
            return error_set(err, ERR_INVALID,
                             "event: a text in requestContext has a character it may not have");
        }
    }
    return 0;
}

static int add_header(struct call *call, const char *name, const char *value, struct error *err)
{
    return headers_add(&call->headers, name, value, err);
}

/* The gateway's list of addresses, with that of its peer at the end if it is not there. */
static int add_forwarded_for(struct headers *headers, const char *list, const char *source_ip,
                             struct error *err)
{
    AUTO_STRBUF all = {0};
    const char *last = list ? strrchr(list, ' ') : NULL;

    strbuf_add_text(&all, list ? list : "");
    last = last ? last + 1 : list;
    if (source_ip && !(last && streq(last, source_ip))) {
        strbuf_add_text(&all, all.len > 0 ? ", " : "");
        strbuf_add_text(&all, source_ip);
    }
    return all.len > 0 ? headers_add(headers, "X-Forwarded-For", all.text, err) : 0;
}

static int read_headers(struct call *call, const json_t *event, const json_t *context,
                        struct error *err)
{
    if (read_pairs(call, event, "multiValueHeaders", "headers", add_header, err) < 0) {
        return -1;
    }
    AUTO_CHAR *addresses = headers_joined(&call->headers, "X-Forwarded-For");
    AUTO_CHAR *proto = xstrdup_or_null(headers_last(&call->headers, "X-Forwarded-Proto"));
    AUTO_CHAR *port = xstrdup_or_null(headers_last(&call->headers, "X-Forwarded-Port"));
    AUTO_CHAR *host = xstrdup_or_null(headers_last(&call->headers, "Host"));
    const char *domain = json_string_value(json_object_get(context, "domainName"));

    headers_clean_request(&call->headers);
    domain = domain ? domain : host;
    if (add_forwarded_for(&call->headers, addresses, call->identity.source_ip, err) < 0 ||
        headers_add(&call->headers, "X-Forwarded-Proto", proto ? proto : "https", err) < 0 ||
        headers_add(&call->headers, "X-Forwarded-Port", port ? port : "443", err) < 0) {
        return -1;
    }
    return domain ? headers_add(&call->headers, "X-Forwarded-Host", domain, err) : 0;
}

/* ---- the event ------------------------------------------------------------------------------- */

/* Tells the format from the others which a function may get. */
static int check_kind(const json_t *event, json_t **context, struct error *err)
{
    const char *version = NULL;

    if (!json_is_object(event)) {
        return error_set(err, ERR_INVALID, "event: no object");
    }
    if (get_text(event, "version", &version, err) < 0 ||
        get_object(event, "requestContext", context, err) < 0) {
        return -1;
    }
    if (version && !streq(version, "1.0")) {
        return error_set(err, ERR_INVALID,
                         "event: want the payload format 1.0 of a REST API, not %.10s", version);
    }
    if (!*context) {
        return error_set(err, ERR_INVALID, "event: it is none of API Gateway's: no requestContext");
    }
    if (json_object_get(*context, "elb")) {
        return error_set(err, ERR_INVALID,
                         "event: it is a load balancer's; this function is for API Gateway");
    }
    return 0;
}

struct call *call_from_event(const json_t *event, struct strbuf *body, struct error *err)
{
    json_t *context = NULL;
    AUTO(call) *call = xcalloc(1, sizeof(*call));

    if (check_kind(event, &context, err) < 0 || read_method(call, event, err) < 0 ||
        read_target(call, event, err) < 0 || read_body(call, event, body, err) < 0 ||
        read_identity(call, context, err) < 0 || read_headers(call, event, context, err) < 0) {
        return NULL;
    }
    return TAKE(call);
}

void event_keys(const json_t *event, struct strbuf *out)
{
    union { /* jansson's iterators want a pointer without const, and change nothing */
        const json_t *borrowed;
        json_t *obj;
    } walk = {.borrowed = event};
    size_t before = out->len;

    if (!json_is_object(event)) {
        strbuf_add_text(out, "no object");
        return;
    }
    for (void *at = json_object_iter(walk.obj); at; at = json_object_iter_next(walk.obj, at)) {
        strbuf_addf(out, "%s%.40s", out->len > before ? "," : "", json_object_iter_key(at));
        if (out->len - before > KEYS_LEN_MAX) {
            strbuf_add_text(out, ",...");
            return;
        }
    }
}
