/*
 * Any bytes as an event: either it is refused, or what comes of it is one request that can be
 * written on a connection and signed. And as an answer's body: the gateway gets it back whole.
 */
#include "fuzz.h"

#include <string.h>
#include <strings.h>

#include "http/signature.h"
#include "lambda-proxy/answer.h"
#include "lambda-proxy/event.h"
#include "util/base64.h"
#include "util/js.h"
#include "util/mem.h"

#define SECRET "a secret of thirty-two characters or more"

/* RFC 9112 3.2.1: one word of visible ASCII, without a fragment. */
static void check_target(const struct call *call)
{
    REQUIRE(call->target.len > 0 && call->target.len <= TARGET_LEN_MAX);
    REQUIRE(call->target.text[0] == '/');
    REQUIRE(strlen(call->target.text) == call->target.len);
    for (const char *c = call->target.text; *c; c++) {
        REQUIRE(*c > ' ' && *c < '\x7f' && !strchr("\"#<>\\^`{|}", *c));
    }
    REQUIRE(strncmp(call->target.text, call->path, strlen(call->path)) == 0);
}

static void check_headers(const struct headers *headers)
{
    size_t len = 0;

    REQUIRE(headers->n <= HEADERS_MAX);
    for (size_t i = 0; i < headers->n; i++) {
        const struct header *header = &headers->items[i];

        REQUIRE(*header->name && !strpbrk(header->name, " \t\r\n:"));
        REQUIRE(!strpbrk(header->value, "\r\n"));
        REQUIRE(strncasecmp(header->name, "X-Blox-", 7) != 0);
        REQUIRE(strcasecmp(header->name, "Authorization") != 0);
        REQUIRE(strcasecmp(header->name, "Content-Length") != 0);
        REQUIRE(strcasecmp(header->name, "Transfer-Encoding") != 0);
        REQUIRE(strcasecmp(header->name, "Host") != 0);
        len += strlen(header->name) + strlen(header->value);
    }
    REQUIRE(len == headers->len && len <= HEADERS_LEN_MAX);
}

static void check_signature(const struct call *call)
{
    const struct signature_request request = {
        .timestamp = "1795089600",
        .method = call->method,
        .target = call->target.text,
        .body = call->body.text,
        .body_len = call->body.len,
        .identity = call->identity,
    };
    char signature[SIGNATURE_LEN];

    REQUIRE(signature_make(&request, SECRET, signature));
    REQUIRE(signature_is_right(&request, SECRET, signature));
}

/* The event is what a parser in one piece makes of it, but for the body. */
static void check_parts(const char *bytes, size_t len, const json_t *event,
                        const struct strbuf *body)
{
    json_auto_t *whole = js_parse(bytes, len, NULL);

    REQUIRE(!whole == !event);
    if (json_is_object(event) && json_is_string(json_object_get(event, "body"))) {
        const json_t *want = json_object_get(whole, "body");

        REQUIRE(json_is_string(want) && json_string_length(want) == body->len);
        REQUIRE(memcmp(json_string_value(want), body->text, body->len) == 0);
        json_object_set_new(whole, "body", json_string(""));
    }
    REQUIRE(!whole || json_equal(whole, event));
}

static void check_event(const char *bytes, size_t len)
{
    struct error err = {0};
    AUTO_STRBUF text = {0}, body = {0}, keys = {0};

    strbuf_add(&text, bytes, len);
    json_auto_t *event = js_parse_apart(&text, "body", &body, &err);

    check_parts(bytes, len, event, &body);
    AUTO(call) *call = event ? call_from_event(event, &body, &err) : NULL;

    event_keys(event, &keys);
    if (!call) {
        REQUIRE(err.code == ERR_INVALID && *err.text);
        return;
    }
    REQUIRE(call->body.text || call->body.len == 0);
    check_target(call);
    check_headers(&call->headers);
    check_signature(call);
}

static void check_answer(const char *bytes, size_t len)
{
    const struct headers headers = {0};
    struct error err = {0};
    AUTO_STRBUF out = {0}, decoded = {0}, given = {0};

    strbuf_add(&given, bytes, len);
    if (!answer_write(&out, 200, &headers, &given)) {
        REQUIRE(len > ANSWER_LEN_MAX / 7);
        return;
    }
    json_auto_t *answer = js_parse(out.text, out.len, &err);
    const json_t *body = json_object_get(answer, "body");

    REQUIRE(json_is_string(body));
    if (json_is_true(json_object_get(answer, "isBase64Encoded"))) {
        REQUIRE(base64_decode(json_string_value(body), json_string_length(body), &decoded));
    } else {
        strbuf_add(&decoded, json_string_value(body), json_string_length(body));
    }
    REQUIRE(decoded.len == len && memcmp(decoded.text, bytes, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    AUTO_CHAR *bytes = xmemdup0((const char *)data, len);

    check_event(bytes, len);
    check_answer(bytes, len);
    return 0;
}
