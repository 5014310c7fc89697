/* A request as the event which API Gateway gives to a Lambda function. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "http/path.h"
#include "sim/gateway.h"
#include "util/base64.h"
#include "util/mem.h"
#include "util/utf8.h"

#define API_ID        "a1b2c3d4e5"
#define RESOURCE_ID   "f6g7h8"
#define DEPLOYMENT_ID "d1e2f3"

/* ---- texts ----------------------------------------------------------------------------------- */

/* A JSON string of any bytes: what is no UTF-8 becomes U+FFFD. */
static json_t *text_of(const char *bytes, size_t len)
{
    AUTO_STRBUF clean = {0};

    for (size_t i = 0, n = 0; i < len; i += n) {
        n = utf8_len(bytes + i, len - i);
        if (n > 0) {
            strbuf_add(&clean, bytes + i, n);
        } else {
            strbuf_add_text(&clean, UTF8_REPLACEMENT);
            n = 1;
        }
    }
    return json_stringn(clean.text ? clean.text : "", clean.len);
}

static json_t *text_or_null(const char *text)
{
    return text ? text_of(text, strlen(text)) : json_null();
}

/* Percent-decoded; a broken escape stays as it is. */
static json_t *decoded(const char *text, size_t len, bool plus_is_space)
{
    AUTO_STRBUF plain = {0};

    for (size_t i = 0; i < len; i++) {
        int byte = text[i] == '%' && i + 2 < len ? hex_byte(text + i + 1) : -1;

        if (byte >= 0) {
            strbuf_add_char(&plain, (char)byte);
            i += 2;
        } else {
            strbuf_add_char(&plain, text[i] == '+' && plus_is_space ? ' ' : text[i]);
        }
    }
    return text_of(plain.text ? plain.text : "", plain.len);
}

/* ---- names with several values --------------------------------------------------------------- */

/* The list of a name's values in an object of lists; made when it is not there. */
static json_t *values_of(json_t *lists, const char *name, bool any_case)
{
    const char *each = NULL;
    json_t *values = NULL;

    json_object_foreach(lists, each, values)
    {
        if (streq(each, name) || (any_case && strcasecmp(each, name) == 0)) {
            return values;
        }
    }
    values = json_array();
    json_object_set_new(lists, name, values);
    return values;
}

/* Name to last value: what format 1.0 calls the single-value map. */
static json_t *last_of_each(json_t *lists)
{
    json_t *lasts = json_object();
    const char *name = NULL;
    const json_t *values = NULL;

    json_object_foreach(lists, name, values)
    {
        json_object_set(lasts, name, json_array_get(values, json_array_size(values) - 1));
    }
    return lasts;
}

static void add_header(void *lists, const char *name, const char *value)
{
    json_t *clean = text_of(name, strlen(name));

    json_array_append_new(values_of(lists, json_string_value(clean), true),
                          text_of(value, strlen(value)));
    json_decref(clean);
}

static void set_header(json_t *lists, const char *name, const char *value)
{
    json_array_clear(values_of(lists, name, true));
    add_header(lists, name, value);
}

/* What the client sent, and what the gateway adds of its own. */
static json_t *headers_of(const struct gateway_exchange *x, const char *source_ip)
{
    const char *forwarded = server_header(x->request, "X-Forwarded-For");
    AUTO_CHAR *chain =
        xasprintf("%s%s%s", forwarded ? forwarded : "", forwarded ? ", " : "", source_ip);
    AUTO_CHAR *port = xasprintf("%d", server_port(x->sim->gateway));
    json_t *lists = json_object();

    server_each_header(x->request, add_header, lists);
    set_header(lists, "X-Amzn-Trace-Id", x->trace_id);
    set_header(lists, "X-Forwarded-For", chain);
    set_header(lists, "X-Forwarded-Port", port);
    set_header(lists, "X-Forwarded-Proto", "http");
    return lists;
}

static json_t *query_of(const char *query)
{
    json_t *lists = json_object();
    size_t len = 0;

    for (const char *pair = query; *pair; pair += len, pair += *pair == '&') {
        len = strcspn(pair, "&");
        if (len == 0) {
            continue;
        }
        size_t name_len = strcspn(pair, "=&");
        const char *value = pair + name_len + (pair[name_len] == '=');
        json_t *name = decoded(pair, name_len, true);

        json_array_append_new(values_of(lists, json_string_value(name), false),
                              decoded(value, len - (size_t)(value - pair), true));
        json_decref(name);
    }
    return lists;
}

/* ---- the event ------------------------------------------------------------------------------- */

static json_t *identity_of(const struct gateway_exchange *x, const char *source_ip)
{
    return json_pack("{s:n, s:s, s:n, s:s, s:s, s:n, s:s, s:n, s:n, s:s, s:o, s:s}",
                     "cognitoIdentityPoolId", "accountId", x->user.account, "cognitoIdentityId",
                     "caller", x->user.id, "sourceIp", source_ip, "principalOrgId", "accessKey",
                     x->user.access_key_id, "cognitoAuthenticationType",
                     "cognitoAuthenticationProvider", "userArn", x->user.arn, "userAgent",
                     text_or_null(server_header(x->request, "User-Agent")), "user", x->user.id);
}

static json_t *context_of(const struct gateway_exchange *x, const char *source_ip)
{
    const char *host = server_header(x->request, "Host");
    AUTO_CHAR *domain = xstrdup(host ? host : "");
    AUTO_CHAR *prefix = xmemdup0(domain, strcspn(domain, ".:"));
    time_t seconds = (time_t)(x->at_ms / 1000);
    char request_time[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(request_time, sizeof(request_time), "%d/%b/%Y:%H:%M:%S +0000", &tm);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:o, s:I, s:s, s:o, s:o, s:s, s:s}",
        "resourceId", RESOURCE_ID, "resourcePath", "/{proxy+}", "httpMethod", x->request->method,
        "extendedRequestId", x->extended_id, "requestTime", request_time, "path",
        text_or_null(x->request->path), "accountId", x->sim->options.account, "protocol",
        "HTTP/1.1", "stage", x->sim->options.gateway_stage, "domainPrefix", text_or_null(prefix),
        "requestTimeEpoch", (json_int_t)x->at_ms, "requestId", x->request_id, "identity",
        identity_of(x, source_ip), "domainName", text_or_null(domain), "deploymentId",
        DEPLOYMENT_ID, "apiId", API_ID);
}

static json_t *body_of(const struct gateway_exchange *x, bool *is_base64)
{
    AUTO_STRBUF encoded = {0};

    *is_base64 = false;
    if (x->request->body_len == 0) {
        return json_null();
    }
    if (!x->sim->settings.binary_bodies) {
        return text_of(x->request->body, x->request->body_len);
    }
    *is_base64 = true;
    base64_encode(x->request->body, x->request->body_len, &encoded);
    return json_stringn(encoded.text, encoded.len);
}

void gateway_write_event(const struct gateway_exchange *x, struct strbuf *out)
{
    char source_ip[SERVER_ADDRESS_LEN];
    bool is_base64 = false;

    server_client_address(x->request, source_ip);
    json_auto_t *headers = headers_of(x, source_ip);
    json_auto_t *query = query_of(x->request->query);
    bool no_query = json_object_size(query) == 0;
    json_t *body = body_of(x, &is_base64);
    json_auto_t *event = json_pack(
        "{s:s, s:o, s:s, s:o, s:O, s:o, s:o, s:{s:o}, s:n, s:o, s:o, s:b}", "resource", "/{proxy+}",
        "path",
        x->sim->settings.decoded_paths ? decoded(x->path, strlen(x->path), false)
                                       : text_or_null(x->path),
        "httpMethod", x->request->method, "headers", last_of_each(headers), "multiValueHeaders",
        headers, "queryStringParameters", no_query ? json_null() : last_of_each(query),
        "multiValueQueryStringParameters", no_query ? json_null() : json_incref(query),
        "pathParameters", "proxy", decoded(x->path + 1, strlen(x->path + 1), false),
        "stageVariables", "requestContext", context_of(x, source_ip), "body", body,
        "isBase64Encoded", is_base64);
    char *text = json_dumps(event, JSON_COMPACT);

    strbuf_add_text(out, text);
    free(text);
}
