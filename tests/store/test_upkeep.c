/* Tombstones and log entries go when they have had their time. */
#include "server.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/keys.h"
#include "util/mem.h"

#define FIELDS "arn:cluster/a\tRUNNING"

struct fixture {
    struct server *server;
    struct store *store;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->server = server_start();
    f->store = open_store(server_url(f->server));
    assert_ok(store_check_identity(f->store, NULL), &(struct error){.text = "no meta"});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    store_free(f->store);
    server_free(f->server);
    free(f);
    return 0;
}

static struct commit_op op_at(const char *key, const char *version)
{
    return (struct commit_op){.kind = KIND_TASK,
                              .key = key,
                              .version = version,
                              .fields = FIELDS,
                              .body = "{\"a\":1}",
                              .raw = "{\"raw\":1}"};
}

static struct commit commit_of(const struct commit_op *ops, size_t n)
{
    struct commit commit = {.cause = "event", .ops = ops, .n_ops = n};

    commit_id_make(commit.id);
    return commit;
}

static struct commit_result run(struct store *store, const struct commit *commit)
{
    struct commit_result result = {0};
    struct error err = {0};

    assert_ok(store_commit(store, commit, &result, &err), &err);
    return result;
}

static struct commit_result put(struct store *store, const struct commit_op *ops, size_t n)
{
    struct commit commit = commit_of(ops, n);

    return run(store, &commit);
}

static int64_t log_length(struct fixture *f)
{
    return server_number(f->server, "XLEN", KEY_LOG, NULL);
}

static void test_purge(void **state)
{
    struct fixture *f = *state;
    struct commit_op ops[] = {op_at("task/1", "1"), op_at("task/2", "1"), op_at("task/3", "1")};
    const char *keys[] = {"task/1", "task/2", "task/3"};
    struct error err = {0};

    put(f->store, ops, 3);
    ops[0].body = ops[1].body = NULL;
    struct commit_result result = put(f->store, ops, 3);
    int64_t revisions[] = {result.ops[0].revision, result.ops[1].revision - 1,
                           result.ops[2].revision};
    int64_t entries = log_length(f);

    assert_int_equal(store_purge(f->store, "mine", KIND_TASK, keys, revisions, 3, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    reply_free(server_call(f->server, "HSET", KEY_LEASE, "token", "mine", NULL));
    error_clear(&err);
    assert_ok(store_purge(f->store, "mine", KIND_TASK, keys, revisions, 3, &err), &err);
    const char *hash = key_of_kind(KIND_TASK);

    assert_int_equal(server_number(f->server, "HEXISTS", hash, "task/1"), 0);
    assert_int_equal(server_number(f->server, "HEXISTS", hash, "task/2"), 1); /* another revision */
    assert_int_equal(server_number(f->server, "HEXISTS", hash, "task/3"), 1); /* it lives */
    assert_int_equal(log_length(f), entries);
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

static void test_log_is_bounded_by_age(void **state)
{
    struct fixture *f = *state;
    static struct commit_op ops[200];
    static char keys[200][16];
    struct error err = {0};

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        snprintf(keys[i], sizeof(keys[i]), "task/%zu", i);
        ops[i] = op_at(keys[i], "1");
    }
    put(f->store, ops, 200);
    put(f->store, ops, 200);
    clock_sleep_ms(300);
    int64_t young = put(f->store, ops, 100).ops[0].revision;

    put(f->store, ops, 200);
    int64_t all = log_length(f);

    assert_ok(store_trim_log(f->store, 3600 * 1000, &err), &err);
    assert_int_equal(log_length(f), all);
    assert_ok(store_trim_log(f->store, 200, &err), &err);
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
        TEST(test_log_is_bounded_by_count),
        TEST(test_log_is_bounded_by_age),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
