/* What a Lambda function replied, made the response of API Gateway. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/gateway.h"
#include "util/base64.h"
#include "util/mem.h"

#define STATUS_MIN 100
#define STATUS_MAX 599

static int malformed(struct error *err, const char *what)
{
    return error_set(err, ERR_PROTOCOL, "%s", what);
}

static int check_keys(const json_t *reply, struct error *err)
{
    static const char *const known[] = {"statusCode", "headers", "multiValueHeaders", "body",
                                        "isBase64Encoded"};
    size_t n_known = 0;

    for (size_t k = 0; k < ARRAY_LEN(known); k++) {
        n_known += json_object_get(reply, known[k]) != NULL;
    }
    return n_known == json_object_size(reply) ? 0 : malformed(err, "it has a key nobody knows");
}

/* ---- headers --------------------------------------------------------------------------------- */

/* The gateway keeps these for itself and gives the function's another name.
 * Source: API Gateway Developer Guide, "Amazon API Gateway important notes". */
static bool is_remapped(const char *name)
{
    static const char *const names[] = {
        "Authorization", "Connection", "Content-Length",  "Content-MD5",       "Date",
        "Host",          "Server",     "Trailer",         "Transfer-Encoding", "Upgrade",
        "User-Agent",    "Via",        "WWW-Authenticate"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void add_header(struct gateway_exchange *x, const char *name, const char *value)
{
    AUTO_CHAR *remapped = is_remapped(name) ? xasprintf("x-amzn-Remapped-%s", name) : NULL;

    if (strcasecmp(name, "Content-Type") == 0) {
        x->response->content_type = NULL;
    }
    server_add_header(x->response, remapped ? remapped : name, value);
}

static bool is_named(json_t *headers, const char *name)
{
    const char *each = NULL;
    const json_t *value = NULL;

    json_object_foreach(headers, each, value)
    {
        if (strcasecmp(each, name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_headers(json_t *singles, json_t *lists, struct error *err)
{
    const char *name = NULL;
    json_t *value = NULL;
    const json_t *each = NULL;
    size_t i = 0;

    json_object_foreach(singles, name, value)
    {
        if (json_is_array(value) || json_is_object(value) || json_is_null(value)) {
            return malformed(err, "a value of headers is no text");
        }
    }
    json_object_foreach(lists, name, value)
    {
        if (!json_is_array(value)) {
            return malformed(err, "a value of multiValueHeaders is no list");
        }
        json_array_foreach(value, i, each)
        {
            if (!json_is_string(each)) {
                return malformed(err, "multiValueHeaders has a value that is no text");
            }
        }
    }
    return 0;
}

static void add_single(struct gateway_exchange *x, const char *name, const json_t *value)
{
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);

    add_header(x, name, text ? text : json_string_value(value));
    free(text);
}

static void add_headers(struct gateway_exchange *x, json_t *singles, json_t *lists)
{
    const char *name = NULL;
    json_t *value = NULL;
    const json_t *each = NULL;
    size_t i = 0;

    json_object_foreach(singles, name, value)
    {
        if (!is_named(lists, name)) {
            add_single(x, name, value);
        }
    }
    json_object_foreach(lists, name, value)
    {
        json_array_foreach(value, i, each)
        {
            add_header(x, name, json_string_value(each));
        }
    }
}

/* ---- the reply ------------------------------------------------------------------------------- */

static bool is_object_or_absent(const json_t *value)
{
    return !value || json_is_null(value) || json_is_object(value);
}

/* Base64 is decoded only where the API has binary media types; otherwise it reaches the client as
 * the text it is. */
static int read_body(struct gateway_exchange *x, const json_t *body, bool is_base64,
                     struct error *err)
{
    if (!json_is_string(body)) {
        return !body || json_is_null(body) ? 0 : malformed(err, "body is no text");
    }
    if (!is_base64 || !x->sim->settings.binary_bodies) {
        strbuf_add(&x->response->body, json_string_value(body), json_string_length(body));
        return 0;
    }
    return base64_decode(json_string_value(body), json_string_length(body), &x->response->body)
               ? 0
               : malformed(err, "body is no base64");
}

static int read_reply(struct gateway_exchange *x, json_t *reply, struct error *err)
{
    const json_t *status = json_object_get(reply, "statusCode");
    json_t *singles = json_object_get(reply, "headers");
    json_t *lists = json_object_get(reply, "multiValueHeaders");
    const json_t *base64 = json_object_get(reply, "isBase64Encoded");

    if (!json_is_object(reply)) {
        return malformed(err, "it is no JSON object");
    }
    if (check_keys(reply, err) < 0) {
        return -1;
    }
    if (!json_is_integer(status) || json_integer_value(status) < STATUS_MIN ||
        json_integer_value(status) > STATUS_MAX) {
        return malformed(err, "statusCode is no number of 100 to 599");
    }
    if (base64 && !json_is_boolean(base64)) {
        return malformed(err, "isBase64Encoded is neither true nor false");
    }
    if (!is_object_or_absent(singles) || !is_object_or_absent(lists)) {
        return malformed(err, "headers or multiValueHeaders is no object");
    }
    if (check_headers(singles, lists, err) < 0 ||
        read_body(x, json_object_get(reply, "body"), json_is_true(base64), err) < 0) {
        return -1;
    }
    x->response->status = (int)json_integer_value(status);
    add_headers(x, singles, lists);
    return 0;
}

int gateway_read_reply(struct gateway_exchange *x, const struct strbuf *reply, struct error *err)
{
    json_auto_t *parsed =
        json_loadb(reply->text ? reply->text : "", reply->len, JSON_ALLOW_NUL, NULL);

    return read_reply(x, parsed, err);
}
