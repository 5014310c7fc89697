/* What the gateway is told: headers that pass, bodies as text or base64, and its size. */
#include "test.h"

#include "lambda-proxy/answer.h"
#include "lambda-proxy/budget.h"
#include "util/base64.h"
#include "util/js.h"
#include "util/mem.h"

#define PAIRS_MAX 16

static void add(struct headers *headers, const char *const pairs[][2])
{
    struct error err = {0};

    for (size_t p = 0; p < PAIRS_MAX && pairs[p][0]; p++) {
        if (headers_add(headers, pairs[p][0], pairs[p][1], &err) < 0) {
            fail_msg("%s", err.text);
        }
    }
}

static const struct {
    const char *name;
    const char *headers[PAIRS_MAX][2];
    const char *body;
    const char *want;
} cases[] = {
    {"nothing",
     {{0}},
     "",
     "{\"statusCode\":200,\"headers\":{},\"multiValueHeaders\":{},\"body\":\"\","
     "\"isBase64Encoded\":false}"},
    {"names that came once, and several times",
     {{"A", "1"}, {"Set-Cookie", "a=1"}, {"b", "2"}, {"set-cookie", "b=2"}, {"SET-COOKIE", "c"}},
     "x",
     "{\"statusCode\":200,\"headers\":{\"A\":\"1\",\"b\":\"2\"},\"multiValueHeaders\":"
     "{\"Set-Cookie\":[\"a=1\",\"b=2\",\"c\"]},\"body\":\"x\",\"isBase64Encoded\":false}"},
    {"what belongs to the connection or to the gateway stays behind",
     {{"Connection", "close, X-Hop ,\tother"},
      {"x-hop", "1"},
      {"Other", "1"},
      {"Keep-Alive", "timeout=5"},
      {"Transfer-Encoding", "chunked"},
      {"Proxy-Authenticate", "x"},
      {"Trailer", "x"},
      {"Upgrade", "x"},
      {"TE", "x"},
      {"Server", "nginx"},
      {"date", "today"},
      {"Content-Length", "7"},
      {"X-Accel-Redirect", "/etc"},
      {"X-Blox-Revision", "42"},
      {"ETag", "\"1\""}},
     "",
     "{\"statusCode\":200,\"headers\":{\"X-Blox-Revision\":\"42\",\"ETag\":\"\\\"1\\\"\"},"
     "\"multiValueHeaders\":{},\"body\":\"\",\"isBase64Encoded\":false}"},
    {"a text",
     {{0}},
     "{\"a\":\"\xc3\xbc<\xf0\x9f\x98\x80\"}\n",
     "{\"statusCode\":200,\"headers\":{},\"multiValueHeaders\":{},\"body\":\"{\\\"a\\\":\\\""
     "\xc3\xbc\\u003c\xf0\x9f\x98\x80\\\"}\\n\",\"isBase64Encoded\":false}"},
    {"no text",
     {{0}},
     "\x1f\x8b\x08\xff",
     "{\"statusCode\":200,\"headers\":{},\"multiValueHeaders\":{},\"body\":\"H4sI/w==\","
     "\"isBase64Encoded\":true}"},
    {"a text that is cut within a character",
     {{0}},
     "abc\xe2\x82",
     "{\"statusCode\":200,\"headers\":{},\"multiValueHeaders\":{},\"body\":\"YWJj4oI=\","
     "\"isBase64Encoded\":true}"},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        AUTO_HEADERS headers = {0};
        AUTO_STRBUF got = {0}, body = {0};

        add(&headers, cases[c].headers);
        headers_clean_answer(&headers);
        strbuf_add_text(&body, cases[c].body);
        assert_true(answer_write(&got, 200, &headers, &body));
        if (!streq(got.text, cases[c].want)) {
            fail_msg("%s: want\n%s\ngot\n%s", cases[c].name, cases[c].want, got.text);
        }
    }
}

static void test_a_zero_byte_passes(void **state)
{
    const struct headers headers = {0};
    AUTO_STRBUF got = {0}, body = {0};

    (void)state;
    strbuf_add(&body, "a\0b", 3);
    assert_true(answer_write(&got, 200, &headers, &body));
    assert_non_null(strstr(got.text, "\"body\":\"a\\u0000b\",\"isBase64Encoded\":false"));
    assert_true(answer_write(&got, 204, &headers, &body)); /* nothing is left of it */
    assert_non_null(strstr(got.text, "\"body\":\"\",\"isBase64Encoded\":false"));
}

/* Written in pieces, between which stands no part of a character and no padding. */
static void test_long_bodies_stay_whole(void **state)
{
    static const char *const units[] = {"\xc3\xbc", "\xf0\x9f\x98\x80", "\xff\x80\x80"};
    const struct headers headers = {0};

    (void)state;
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        for (size_t before = 0; before < 4; before++) {
            AUTO_STRBUF body = {0}, want = {0}, got = {0};

            strbuf_add(&body, "abc", before);
            while (body.len < 3 * MEM_PIECE) {
                strbuf_add_text(&body, units[u]);
            }
            if (*units[u] == '\xff') {
                base64_encode(body.text, body.len, &want);
            } else {
                strbuf_add(&want, body.text, body.len);
            }
            assert_true(answer_write(&got, 200, &headers, &body));
            assert_non_null(strstr(got.text, want.text));
        }
    }
}

/* The limit counts what is posted, not the body. */
static void test_size(void **state)
{
    static const struct {
        char byte;
        size_t len;
        bool fits;
    } sizes[] = {
        {'a', ANSWER_LEN_MAX - 200, true},
        {'a', ANSWER_LEN_MAX, false},
        {'"', ANSWER_LEN_MAX / 2 - 100, true}, /* two bytes each */
        {'"', ANSWER_LEN_MAX / 2, false},
        {'\xff', ANSWER_LEN_MAX / 4 * 3 - 200, true}, /* base64 */
        {'\xff', ANSWER_LEN_MAX / 4 * 3, false},
        {'a', 4 * (size_t)ANSWER_LEN_MAX, false},
    };
    const struct headers headers = {0};

    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        AUTO_STRBUF got = {0}, body = {0};

        strbuf_reserve(&body, sizes[s].len);
        memset(body.text, sizes[s].byte, sizes[s].len);
        body.len = sizes[s].len;
        assert_int_equal(answer_write(&got, 200, &headers, &body), sizes[s].fits);
        assert_true(got.len <= ANSWER_LEN_MAX);
        assert_int_equal(got.len > 0, sizes[s].fits);
    }
}

static void test_failure(void **state)
{
    AUTO_STRBUF got = {0};

    (void)state;
    strbuf_add_text(&got, "what was there before");
    answer_write_failure(&got, 502, "id-1", "no \"Blox\"\n");
    assert_string_equal(got.text,
                        "{\"statusCode\":502,\"headers\":{\"Content-Type\":\"application/json\","
                        "\"X-Request-Id\":\"id-1\"},\"body\":\"{\\\"message\\\":\\\"no "
                        "\\\\\\\"Blox\\\\\\\"\\\\n\\\"}\\n\",\"isBase64Encoded\":false}");
}

static void test_budget(void **state)
{
    static const struct {
        int64_t deadline_ms, now_ms, want;
    } rows[] = {
        {1000028000, 1000000000, 25000}, /* the usual 28 s */
        {1000026500, 1000000000, 25000},
        {1000026499, 1000000000, 24999},
        {1000010000, 1000000000, 8500},
        {1000001500, 1000000000, 0},
        {1000000000, 1000000000, -1500},
        {0, 1000000000, 25000}, /* the Runtime API did not say */
        {-1, 1000000000, 25000},
        {INT64_MAX, 1000000000, 25000},
        {1, 1795089600000, -1795089601499},
    };

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        assert_int_equal(budget_ms(rows[r].deadline_ms, rows[r].now_ms), rows[r].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_a_zero_byte_passes),
        cmocka_unit_test(test_long_bodies_stay_whole),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
