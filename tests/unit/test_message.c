/* What leaves a worker, byte for byte. */
#include "test.h"

#include "http/message.h"

static void check_head(const struct http_response *resp, const char *want)
{
    AUTO_STRBUF got = {0};

    http_response_head(resp, &got);
    assert_string_equal(got.text, want);
}

static void test_text(void **state)
{
    struct http_response resp = {0};

    (void)state;
    http_reply_text(&resp, 404, "Environment %s does not exist", "a<b>");
    check_head(&resp, "Status: 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
                      "Content-Length: 32\r\nX-Content-Type-Options: nosniff\r\n\r\n");
    assert_string_equal(resp.text.text, "Environment a<b> does not exist\n");
    http_response_clear(&resp);
}

static void test_json(void **state)
{
    struct http_response resp = {0};
    AUTO_STRBUF json = {0};

    (void)state;
    strbuf_add_text(&json, "{}");
    http_reply_json(&resp, &json);
    check_head(&resp, "Status: 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n"
                      "Content-Length: 3\r\n\r\n");
    assert_string_equal(resp.text.text, "{}\n");
    assert_null(json.text);
    http_response_clear(&resp);
}

static void test_empty(void **state)
{
    struct http_response resp = {0};

    (void)state;
    http_reply_empty(&resp, 200, NULL);
    check_head(&resp, "Status: 200 OK\r\nContent-Length: 0\r\n\r\n");
    http_response_clear(&resp);
}

static void test_a_header_is_there_once(void **state)
{
    struct http_response resp = {0};

    (void)state;
    http_set_header(&resp, "X-A", "%d", 1);
    http_set_header(&resp, "X-B", "%d", 2);
    http_set_header(&resp, "X-A", "%d", 3);
    http_reply_empty(&resp, 200, NULL);
    check_head(&resp, "Status: 200 OK\r\nContent-Length: 0\r\nX-B: 2\r\nX-A: 3\r\n\r\n");
    http_response_clear(&resp);
}

static void count(void *owner)
{
    ++*(int *)owner;
}

static void test_pieces_are_released_once(void **state)
{
    struct http_response resp = {0};
    int released = 0;

    (void)state;
    http_begin_pieces(&resp, 2, count, &released);
    http_add_piece(&resp, "abc", 3);
    http_add_piece(&resp, "d", 1);
    check_head(&resp, "Status: 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\n"
                      "Content-Length: 4\r\n\r\n");
    assert_int_equal(released, 0);
    http_response_clear(&resp);
    http_response_clear(&resp);
    assert_int_equal(released, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_a_header_is_there_once),
        cmocka_unit_test(test_pieces_are_released_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
