/* Signatures: the texts and values of tests/vectors/signature, which Python's hmac and the openssl
 * program made; no field can be changed; the window of time. */
#include "test.h"

#include <jansson.h>

#include "http/path.h"
#include "http/signature.h"
#include "util/mem.h"
#include "vectors.h"

#define VECTORS_MIN 10
#define BODY_MAX    4096

static const char secret[] = "0123456789abcdef0123456789abcdef";

/* A request.json of the vectors: strings, and the body in hexadecimal digits. */
static struct signature_request read_request(const json_t *json, char body[BODY_MAX])
{
    const char *hex = json_string_value(json_object_get(json, "bodyHex"));
    struct signature_request req = {
        .timestamp = json_string_value(json_object_get(json, "timestamp")),
        .method = json_string_value(json_object_get(json, "method")),
        .target = json_string_value(json_object_get(json, "target")),
        .body = body,
        .identity = {.key_id = json_string_value(json_object_get(json, "keyId")),
                     .caller_arn = json_string_value(json_object_get(json, "callerArn")),
                     .caller_account = json_string_value(json_object_get(json, "callerAccount")),
                     .caller_id = json_string_value(json_object_get(json, "callerId")),
                     .source_ip = json_string_value(json_object_get(json, "sourceIp")),
                     .api_request_id = json_string_value(json_object_get(json, "apiRequestId"))}};

    for (; hex && hex[2 * req.body_len]; req.body_len++) {
        assert_true(req.body_len < BODY_MAX);
        body[req.body_len] = (char)hex_byte(hex + 2 * req.body_len);
    }
    return req;
}

static void check_vector(const char *name)
{
    AUTO_CHAR *request = vector_read("signature", name, "request.json");
    AUTO_CHAR *want_text = vector_read("signature", name, "signed-text");
    AUTO_CHAR *want = vector_read("signature", name, "signature");
    json_auto_t *json = request ? json_loads(request, 0, NULL) : NULL;
    char body[BODY_MAX];
    char got[SIGNATURE_LEN];
    AUTO_STRBUF text = {0};

    if (!json || !want_text || !want) {
        fail_msg("%s: a file is missing or wrong", name);
    }
    const struct signature_request req = read_request(json, body);
    const char *key = json_string_value(json_object_get(json, "secret"));

    assert_true(signature_text(&req, &text));
    text.text[text.len - 1] = '\0'; /* as vector_read leaves the last newline out */
    if (!streq(text.text, want_text)) {
        fail_msg("%s: want text\n%s\ngot\n%s", name, want_text, text.text);
    }
    assert_true(signature_make(&req, key, got));
    if (!streq(got, want)) {
        fail_msg("%s: want %s, got %s", name, want, got);
    }
    assert_true(signature_is_right(&req, key, want));
}

static void test_vectors(void **state)
{
    (void)state;
    assert_true(vector_each("signature", check_vector) >= VECTORS_MIN);
}

static struct signature_request usual_request(void)
{
    return (struct signature_request){.timestamp = "1751441862",
                                      .method = "POST",
                                      .target = "/v1/environments",
                                      .body = "{}",
                                      .body_len = 2,
                                      .identity = {"proxy-1", "arn:aws:iam::123456789012:user/ann",
                                                   "123456789012", "AIDAEXAMPLE", "203.0.113.7",
                                                   "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"}};
}

/* What stands in one field cannot be moved into its neighbour, or be left out. */
static void test_every_field_is_signed(void **state)
{
    const struct signature_request good = usual_request();
    struct signature_request req = good;
    const char **fields[] = {
        &req.timestamp,
        &req.method,
        &req.target,
        &req.identity.key_id,
        &req.identity.caller_arn,
        &req.identity.caller_account,
        &req.identity.caller_id,
        &req.identity.source_ip,
        &req.identity.api_request_id,
    };
    char signature[SIGNATURE_LEN];

    (void)state;
    assert_true(signature_make(&good, secret, signature));
    assert_true(signature_is_right(&req, secret, signature));
    for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
        const char *before = *fields[f];
        AUTO_CHAR *longer = xasprintf("%sx", before);
        const char *others[] = {longer, before + 1, "", NULL};

        for (size_t o = 0; o < ARRAY_LEN(others); o++) {
            *fields[f] = others[o];
            if (signature_is_right(&req, secret, signature)) {
                fail_msg("field %zu may be \"%s\"", f, others[o] ? others[o] : "(none)");
            }
        }
        *fields[f] = before;
    }
    req.body = "{ }";
    req.body_len = 3;
    assert_false(signature_is_right(&req, secret, signature));
    req.body_len = 0;
    assert_false(signature_is_right(&req, secret, signature));
    req = good;
    assert_false(signature_is_right(&req, "0123456789abcdef0123456789abcdeF", signature));
    assert_true(signature_is_right(&req, secret, signature));
}

static void test_no_byte_of_the_signature_can_be_changed(void **state)
{
    const struct signature_request req = usual_request();
    char signature[SIGNATURE_LEN + 1] = {0};

    (void)state;
    assert_true(signature_make(&req, secret, signature));
    for (size_t i = 0; signature[i]; i++) {
        char before = signature[i];

        for (const char *other = "0123456789abcdefABCDEFv= "; *other; other++) {
            signature[i] = *other;
            assert_true(*other == before || !signature_is_right(&req, secret, signature));
        }
        signature[i] = '\0';
        assert_false(signature_is_right(&req, secret, signature));
        signature[i] = before;
    }
    signature[SIGNATURE_LEN - 1] = '0';
    assert_false(signature_is_right(&req, secret, signature));
    assert_false(signature_is_right(&req, secret, ""));
}

static void test_no_field_can_end_a_line(void **state)
{
    struct signature_request req = usual_request();
    char signature[SIGNATURE_LEN];
    AUTO_STRBUF text = {0};

    (void)state;
    req.identity.caller_arn = "arn:aws:iam::1:user/a\n123456789012";
    assert_false(signature_make(&req, secret, signature));
    req.identity.caller_arn = "arn:aws:iam::1:user/\tann";
    assert_false(signature_text(&req, &text));
    assert_int_equal(text.len, 0);
    req = usual_request();
    req.target = "/v1/environments\r";
    assert_false(signature_make(&req, secret, signature));
    req.target = "/v1/environments/\xc3\xa9"; /* UTF-8 is no control character */
    assert_true(signature_make(&req, secret, signature));
}

static const struct {
    const char *timestamp;
    bool timely; /* at the second 1751441862 */
} moments[] = {
    {"1751441862", true},
    {"1751442162", true},
    {"1751442163", false},
    {"1751441562", true},
    {"1751441561", false},
    {"01751441862", true},
    {"", false},
    {"0", false},
    {"-1751441862", false},
    {"+1751441862", false},
    {" 1751441862", false},
    {"1751441862 ", false},
    {"1751441862.0", false},
    {"0x6864df86", false},
    {"1751441862000", false},
    {"18446744075461000000", false},
    {"now", false},
};

static void test_the_window(void **state)
{
    (void)state;
    for (size_t m = 0; m < ARRAY_LEN(moments); m++) {
        if (signature_is_timely(moments[m].timestamp, 1751441862) != moments[m].timely) {
            fail_msg("\"%s\"", moments[m].timestamp);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_field_is_signed),
        cmocka_unit_test(test_no_byte_of_the_signature_can_be_changed),
        cmocka_unit_test(test_no_field_can_end_a_line),
        cmocka_unit_test(test_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
