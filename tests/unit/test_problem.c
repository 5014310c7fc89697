/* Problem documents: each error's status and body. */
#include "test.h"

#include "http/problem.h"

static const struct {
    enum error_code code;
    const char *text;
    int status;
    const char *want;
} cases[] = {
    {ERR_INVALID, "maxResults: want 1 to 1000", 400,
     "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,"
     "\"detail\":\"maxResults: want 1 to 1000\"}\n"},
    {ERR_NOT_FOUND, "a \"quote\" & \n", 404,
     "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
     "\"detail\":\"a \\\"quote\\\" \\u0026 \\n\"}\n"},
    {ERR_DENIED, "", 403, "{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403}\n"},
    {ERR_CONFLICT, "", 409, "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409}\n"},
    {ERR_THROTTLED, "", 429,
     "{\"type\":\"about:blank\",\"title\":\"Too Many Requests\",\"status\":429}\n"},
    {ERR_UNAVAILABLE, "", 503,
     "{\"type\":\"about:blank\",\"title\":\"Service "
     "Unavailable\",\"status\":503}\n"},
    {ERR_PROTOCOL, "", 502,
     "{\"type\":\"about:blank\",\"title\":\"Bad Gateway\",\"status\":502}\n"},
    {ERR_INTERNAL, "", 500,
     "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500}\n"},
};

static void test_problems(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct http_response resp = {0};
        struct error err = {0};

        error_set(&err, cases[c].code, "%s", cases[c].text);
        assert_int_equal(http_reply_problem(&resp, &err), 0);
        assert_int_equal(resp.status, cases[c].status);
        assert_string_equal(resp.content_type, "application/problem+json");
        assert_string_equal(resp.text.text, cases[c].want);
        assert_int_equal(resp.body_len, strlen(cases[c].want));
        http_response_clear(&resp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_problems)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
