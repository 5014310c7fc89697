/* Tombstones and log entries go when they have had their time. */
#include "committing.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/keys.h"
#include "util/mem.h"

/* All of them, a call after the other. */
static int purge_all(struct fixture *f, const char *token, int64_t before_ms, int64_t *gone,
                     struct error *err)
{
    int more;

    *gone = 0;
    do {
        more = store_purge(f->store, token, before_ms, gone, err);
    } while (more > 0);
    return more;
}

static void test_purge(void **state)
{
    struct fixture *f = *state;
    static struct commit_op ops[COMMIT_OPS_MAX];
    static char keys[2 * COMMIT_OPS_MAX][16];
    struct error err = {0};
    int64_t deleted_ms = 0;
    int64_t gone;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) { /* more than one call takes */
        size_t o = i % COMMIT_OPS_MAX;

        snprintf(keys[i], sizeof(keys[i]), "task/%zu", i);
        ops[o] = op_at(keys[i], "1");
        if (o == COMMIT_OPS_MAX - 1) {
            put(f->store, ops, COMMIT_OPS_MAX);
            for (size_t d = 0; d < COMMIT_OPS_MAX; d++) {
                ops[d].body = NULL;
            }
            deleted_ms = put(f->store, ops, COMMIT_OPS_MAX).now_ms;
        }
    }
    struct commit_op alive = op_at("task/0", "2");

    put(f->store, &alive, 1); /* it is back */
    clock_sleep_ms(5);
    struct commit_op young = {.kind = KIND_TASK, .key = "task/1", .version = "2"};

    put(f->store, &young, 1); /* deleted again */
    int64_t entries = log_length(f);

    assert_int_equal(purge_all(f, "mine", deleted_ms + 1, &gone, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    reply_free(server_call(f->server, "HSET", KEY_LEASE, "token", "mine", NULL));
    error_clear(&err);
    assert_ok(purge_all(f, "mine", deleted_ms + 1, &gone, &err), &err);
    assert_int_equal(gone, ARRAY_LEN(keys) - 2);
    const char *hash = key_of_kind(KIND_TASK);

    assert_int_equal(server_number(f->server, "HLEN", hash, NULL), 2);
    assert_int_equal(server_number(f->server, "HEXISTS", hash, "task/0"), 1);
    assert_int_equal(server_number(f->server, "HEXISTS", hash, "task/1"), 1);
    assert_int_equal(server_number(f->server, "ZCARD", KEY_TOMBSTONES, NULL), 1);
    assert_int_equal(log_length(f), entries);
}

static void test_purge_takes_the_old_ones_only(void **state)
{
    struct fixture *f = *state;
    struct commit_op gone_op = {.kind = KIND_TASK, .key = "task/1", .version = "1"};
    int64_t deleted_ms = put(f->store, &gone_op, 1).now_ms;
    struct error err = {0};
    int64_t gone;

    assert_ok(purge_all(f, NULL, deleted_ms, &gone, &err), &err);
    assert_int_equal(gone, 0);
    assert_ok(purge_all(f, NULL, deleted_ms + 1, &gone, &err), &err);
    assert_int_equal(gone, 1);
}

static void test_log_is_bounded_by_count(void **state)
{
    struct fixture *f = *state;
    const struct store_options options = {
        .url = server_url(f->server), .timeout_ms = TIMEOUT_MS, .log_count_max = 100};
    struct error err = {0};
    AUTO(store) *store = store_open(&options, &err);

    for (int i = 0; i < 30; i++) {
        struct commit_op ops[10];
        char keys[10][16];

        for (int o = 0; o < 10; o++) {
            snprintf(keys[o], sizeof(keys[o]), "task/%d", o);
            ops[o] = op_at(keys[o], "1");
        }
        put(store, ops, 10);
    }
    assert_in_range(log_length(f), 100, 200); /* whole nodes of up to 100 entries stay */

    static struct commit_op many[COMMIT_OPS_MAX];
    static char keys[COMMIT_OPS_MAX][16];

    for (size_t i = 0; i < COMMIT_OPS_MAX; i++) {
        snprintf(keys[i], sizeof(keys[i]), "task/%zu", i);
        many[i] = op_at(keys[i], "1");
    }
    put(store, many, COMMIT_OPS_MAX); /* the newest commit stays whole */
    assert_true(log_length(f) >= COMMIT_OPS_MAX);
}

/* What was written n times, so long ago. */
static void write_in_the_past(struct fixture *f, int n, int64_t ago_ms)
{
    AUTO_CHAR *at = xasprintf("%lld", (long long)(clock_wall_ms() - ago_ms));

    for (int i = 0; i < n; i++) {
        int64_t revision = server_number(f->server, "INCR", KEY_REVISION, NULL);
        AUTO_CHAR *id = xasprintf("%lld-0", (long long)revision);

        reply_free(server_call(f->server, "XADD", KEY_LOG, id, "at", at, "commit", "f00d", "kind",
                               "task", "key", "task/1", "value", "v", NULL));
    }
}

static void test_log_is_bounded_by_age(void **state)
{
    struct fixture *f = *state;
    const int64_t minute_ms = 60 * 1000;
    static struct commit_op ops[200];
    static char keys[200][16];
    struct error err = {0};

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        snprintf(keys[i], sizeof(keys[i]), "task/%zu", i);
        ops[i] = op_at(keys[i], "1");
    }
    reply_free(server_call(f->server, "DEL", KEY_LOG, NULL)); /* the epoch is of this moment */
    write_in_the_past(f, 400, 30 * minute_ms);
    int64_t young = put(f->store, ops, 100).ops[0].revision;

    put(f->store, ops, 200);
    int64_t all = log_length(f);

    assert_ok(store_trim_log(f->store, 60 * minute_ms, &err), &err);
    assert_int_equal(log_length(f), all);
    assert_ok(store_trim_log(f->store, 20 * minute_ms, &err), &err);
    AUTO(reply) *first = server_call(f->server, "XRANGE", KEY_LOG, "-", "+", "COUNT", "1", NULL);

    assert_int_equal(atoll(reply_text_at(reply_array_at(first, 0), 0)), young);
    clock_sleep_ms(20);
    assert_ok(store_trim_log(f->store, 0, &err), &err);
    assert_int_equal(log_length(f), COMMIT_OPS_MAX); /* with the newest commit in it */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_purge),
        TEST(test_purge_takes_the_old_ones_only),
        TEST(test_log_is_bounded_by_count),
        TEST(test_log_is_bounded_by_age),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
