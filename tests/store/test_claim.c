/* A request id is taken once: by one key, for as long as it was asked for, or nobody knows. */
#include "server.h"

#include "store/keys.h"

static bool claim(struct store *store, const char *key_id, const char *request_id)
{
    struct error err = {0};
    bool first = false;

    assert_ok(store_claim_request(store, key_id, request_id, 600, &first, &err), &err);
    return first;
}

static void test_the_first_one_wins(void **state)
{
    AUTO(server) *server = server_start();
    AUTO(store) *one = open_store(server_url(server));
    AUTO(store) *other = open_store(server_url(server));

    (void)state;
    assert_true(claim(one, "proxy-1", "r-1"));
    assert_false(claim(other, "proxy-1", "r-1"));
    assert_false(claim(one, "proxy-1", "r-1"));
    assert_true(claim(other, "proxy-1", "r-2"));
    assert_true(claim(other, "ann", "r-1"));
    AUTO(reply) *left = server_call(server, "TTL", KEY_REQUEST_PREFIX "proxy-1:r-1", NULL);

    assert_true(left->integer > 500 && left->integer <= 600);
}

/* A failure says nothing about who was first, and is told as one. */
static void test_without_redis(void **state)
{
    AUTO(server) *server = server_start();
    AUTO(store) *store = open_store(server_url(server));
    struct error err = {0};
    bool first = false;

    (void)state;
    assert_true(claim(store, "ann", "r-1"));
    server_kill(server);
    assert_int_equal(store_claim_request(store, "ann", "r-2", 600, &first, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "noting a request id"));
    assert_false(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_one_wins),
        cmocka_unit_test(test_without_redis),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
