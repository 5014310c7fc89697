/* Where a remembered revision stands: in the log, before it, lost with an epoch, or to come. */
#include "server.h"

#include "store/keys.h"
#include "store/log.h"

static enum log_place find(struct store *store, int64_t revision)
{
    enum log_place place = LOG_GONE;
    struct error err = {0};

    assert_ok(log_find(store, revision, &place, &err), &err);
    return place;
}

static int64_t put(struct store *store)
{
    const struct commit_op op = {
        .kind = KIND_TASK, .key = "t", .version = "0", .fields = "c", .body = "{}", .raw = "{}"};
    struct commit commit = {.cause = "event", .ops = &op, .n_ops = 1};
    struct commit_result result;
    struct error err = {0};

    commit_id_make(commit.id);
    assert_ok(store_commit(store, &commit, &result, &err), &err);
    return result.revision;
}

static void test_places(void **state)
{
    AUTO(server) *server = server_start();
    AUTO(store) *store = open_store(server_url(server));
    int64_t first = put(store);
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 9; i++) {
        last = put(store);
    }
    assert_int_equal(find(store, 0), LOG_NEXT); /* the first epoch entry names it */
    assert_int_equal(find(store, 1), LOG_GONE);
    assert_int_equal(find(store, first - 1), LOG_HELD); /* the epoch entry itself */
    assert_int_equal(find(store, first), LOG_HELD);
    assert_int_equal(find(store, last), LOG_HELD);
    assert_int_equal(find(store, last + 1), LOG_FUTURE);
    assert_int_equal(find(store, INT64_MAX), LOG_FUTURE);
}

static void test_trimmed(void **state)
{
    AUTO(server) *server = server_start();
    AUTO(store) *store = open_store(server_url(server));
    int64_t last = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        last = put(store);
    }
    reply_free(server_call(server, "XTRIM", KEY_LOG, "MAXLEN", "4", NULL));
    assert_int_equal(find(store, last - 3), LOG_HELD);
    assert_int_equal(find(store, last - 4), LOG_NEXT);
    assert_int_equal(find(store, last - 5), LOG_GONE);
    assert_int_equal(find(store, 0), LOG_GONE);
}

static void test_an_epoch_between(void **state)
{
    AUTO(server) *server = server_start("--appendonly", "yes", "--appendfsync", "always");
    AUTO(store) *store = open_store(server_url(server));
    int64_t before = put(store);

    (void)state;
    server_kill(server);
    server_resume(server);
    int64_t after = put(store);

    assert_int_equal(find(store, before), LOG_HELD);
    assert_int_equal(find(store, before + 1), LOG_GONE);
    assert_int_equal(find(store, after - 2), LOG_GONE);
    assert_int_equal(find(store, after - 1), LOG_HELD);
    reply_free(server_call(server, "XTRIM", KEY_LOG, "MAXLEN", "2", NULL));
    assert_int_equal(find(store, before), LOG_NEXT);
    assert_int_equal(find(store, before - 1), LOG_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_trimmed),
        cmocka_unit_test(test_an_epoch_between),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
