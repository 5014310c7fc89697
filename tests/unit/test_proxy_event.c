/* Events as requests: tests/vectors/gateway has an event.json and what must come of it, a request
 * or the text of its refusal. */
#include "vectors.h"

#include "lambda-proxy/event.h"
#include "util/base64.h"
#include "util/js.h"
#include "util/mem.h"

#define VECTORS_MIN 75

/* The request as the vectors have it. */
static void spell(const struct call *call, struct strbuf *out)
{
    const struct signature_identity *who = &call->identity;
    const char *const identity[] = {who->caller_arn, who->caller_account, who->caller_id,
                                    who->source_ip, who->api_request_id};

    strbuf_addf(out, "%s%s %s\n", call->to_stream ? "stream: " : "", call->method,
                call->target.text);
    for (size_t i = 0; i < call->headers.n; i++) {
        strbuf_addf(out, "%s: %s\n", call->headers.items[i].name, call->headers.items[i].value);
    }
    for (size_t i = 0; i < ARRAY_LEN(identity); i++) {
        strbuf_addf(out, "identity: %s\n", identity[i] ? identity[i] : "");
    }
    if (call->body.text) {
        strbuf_add_char(out, '\n');
        strbuf_add(out, call->body.text, call->body.len);
    }
}

/* The call of an event; its text and tree are the caller's to free. */
static struct call *read_call(const char *text, size_t len, json_t **event, struct error *err)
{
    AUTO_STRBUF bytes = {0}, body = {0};

    strbuf_add(&bytes, text, len);
    *event = js_parse_apart(&bytes, "body", &body, err);
    return *event ? call_from_event(*event, &body, err) : NULL;
}

static void check(const char *name)
{
    AUTO_CHAR *text = vector_read("gateway", name, "event.json");
    AUTO_CHAR *request = vector_read("gateway", name, "request");
    AUTO_CHAR *refused = vector_read("gateway", name, "refused");
    struct error err = {0};

    assert_non_null(text);
    json_auto_t *event = NULL;
    AUTO(call) *call = read_call(text, strlen(text), &event, &err);
    AUTO_STRBUF got = {0};

    if (call) {
        spell(call, &got);
    } else {
        assert_int_equal(err.code, ERR_INVALID);
        strbuf_add_text(&got, err.text);
    }
    if (!!call != !!request || !streq(got.text, call ? request : refused)) {
        fail_msg("%s: want\n%s\ngot\n%s", name, request ? request : refused, got.text);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    assert_true(vector_each("gateway", check) >= VECTORS_MIN);
}

static void test_a_zero_byte_in_a_body_passes(void **state)
{
    static const char text[] = "{\"httpMethod\":\"POST\",\"path\":\"/\",\"requestContext\":{},"
                               "\"body\":\"a\\u0000b\"}";
    struct error err = {0};
    json_auto_t *event = NULL;
    AUTO(call) *call = read_call(text, sizeof(text) - 1, &event, &err);

    (void)state;
    assert_non_null(call);
    assert_int_equal(call->body.len, 3);
    assert_memory_equal(call->body.text, "a\0b", 3);
}

/* It is decoded in pieces, but is one: padding between them is as wrong as anywhere. */
static void test_long_bodies_in_base64(void **state)
{
    (void)state;
    for (size_t c = 0; c < 3; c++) {
        size_t len = 2 * MEM_PIECE + c;
        AUTO_STRBUF text = {0}, bytes = {0};
        struct error err = {0};
        json_auto_t *event = NULL;

        while (bytes.len < len) {
            strbuf_add_char(&bytes, (char)(bytes.len * 7));
        }
        strbuf_add_text(&text, "{\"httpMethod\":\"POST\",\"path\":\"/\",\"requestContext\":{},"
                               "\"isBase64Encoded\":true,\"body\":\"");
        size_t body_at = text.len;

        base64_encode(bytes.text, len, &text);
        strbuf_add_text(&text, "\"}");
        AUTO(call) *call = read_call(text.text, text.len, &event, &err);

        assert_non_null(call);
        assert_int_equal(call->body.len, len);
        assert_memory_equal(call->body.text, bytes.text, len);

        json_auto_t *other = NULL;

        text.text[body_at + MEM_PIECE - 1] = '=';
        assert_null(read_call(text.text, text.len, &other, &err));
        assert_string_equal(err.text, "event: body is no base64");
    }
}

static void test_only_reads_are_reads(void **state)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
        const struct call call = {.method = methods[m]};

        assert_int_equal(call_is_read(&call), m < 2);
    }
}

static void test_keys_tell_nothing_else(void **state)
{
    static const struct {
        const char *event;
        const char *want;
    } cases[] = {
        {"{\"path\":\"/secret\",\"body\":null,\"requestContext\":{\"inner\":1}}",
         "path,body,requestContext"},
        {"{}", ""},
        {"[1]", "no object"},
        {"{\"0123456789012345678901234567890123456789and more\":1}",
         "0123456789012345678901234567890123456789"},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct error err = {0};
        json_auto_t *event = js_parse(cases[c].event, strlen(cases[c].event), &err);
        AUTO_STRBUF got = {0};

        event_keys(event, &got);
        assert_string_equal(got.text ? got.text : "", cases[c].want);
    }
    AUTO_STRBUF got = {0};

    event_keys(NULL, &got);
    assert_string_equal(got.text, "no object");
}

static void test_keys_are_bounded(void **state)
{
    json_auto_t *event = json_object();
    AUTO_STRBUF got = {0};

    (void)state;
    for (int i = 0; i < 1000; i++) {
        AUTO_CHAR *name = xasprintf("name-%d", i);

        json_object_set_new(event, name, json_null());
    }
    event_keys(event, &got);
    assert_true(got.len < 500);
    assert_string_equal(got.text + got.len - 4, ",...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_a_zero_byte_in_a_body_passes),
        cmocka_unit_test(test_long_bodies_in_base64),
        cmocka_unit_test(test_only_reads_are_reads),
        cmocka_unit_test(test_keys_tell_nothing_else),
        cmocka_unit_test(test_keys_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
