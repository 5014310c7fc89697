/* What a commit's conditions decide, and what it leaves in Redis. */
#include "committing.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/keys.h"
#include "store/log.h"
#include "util/mem.h"

/* ---- helpers ------------------------------------------------------------------------------- */

/* The newest entry of the log, with its value. */
static struct log_batch last_entry(struct fixture *f)
{
    struct error err = {0};
    struct log_batch batch = {0};
    int64_t revision = 0;
    AUTO(log_reader) *reader = log_reader_open(f->store, &err);

    assert_non_null(reader);
    assert_ok(store_revision(f->store, &revision, &err), &err);
    assert_ok(log_read(reader, revision - 1, 0, 10, &batch, &err), &err);
    assert_int_equal(batch.n, 1);
    return batch;
}

/* ---- conditions, as a table ---------------------------------------------------------------- */

enum before { NOTHING, LIVE, TOMBSTONE };

static const struct {
    const char *name;
    enum before before; /* what is stored, with version 7 and the usual raw */
    unsigned conditions;
    int unchanged; /* 1: the stored revision, 0: none, 2: another one */
    int since;     /* 1: not younger than the pass, 0: younger */
    const char *version;
    const char *raw;
    const char *want;
} cases[] = {
    {"no condition: nothing there", NOTHING, 0, 0, 0, "0", "{}", "applied"},
    {"no condition: an older version, too", LIVE, 0, 0, 0, "1", "{}", "applied"},

    {"newer: nothing there", NOTHING, COMMIT_NEWER, 0, 0, "1", "{}", "applied"},
    {"newer: a greater version", LIVE, COMMIT_NEWER, 0, 0, "8", "{}", "applied"},
    {"newer: the same version", LIVE, COMMIT_NEWER, 0, 0, "7", "{}", "stale"},
    {"newer: a smaller version", LIVE, COMMIT_NEWER, 0, 0, "6", "{}", "stale"},
    {"newer: ten is more than seven", LIVE, COMMIT_NEWER, 0, 0, "10", "{}", "applied"},
    {"newer: more digits than a double holds", LIVE, COMMIT_NEWER, 0, 0, "9007199254740993000",
     "{}", "applied"},
    {"newer: a late event does not revive", TOMBSTONE, COMMIT_NEWER, 0, 0, "6", "{}", "stale"},
    {"newer: the deleted version does not revive", TOMBSTONE, COMMIT_NEWER, 0, 0, "7", "{}",
     "stale"},
    {"newer: a newer one does", TOMBSTONE, COMMIT_NEWER, 0, 0, "8", "{}", "applied"},

    {"refresh: nothing there", NOTHING, COMMIT_REFRESH, 0, 1, "7", "{}", "applied"},
    {"refresh: a greater version", LIVE, COMMIT_REFRESH, 0, 0, "8", "{}", "applied"},
    {"refresh: a smaller version", LIVE, COMMIT_REFRESH, 0, 1, "6", "{}", "stale"},
    {"refresh: same version, same JSON", LIVE, COMMIT_REFRESH, 0, 1, "7", "{\"raw\":1}", "same"},
    {"refresh: same version, other JSON", LIVE, COMMIT_REFRESH, 0, 1, "7", "{\"raw\":2}",
     "applied"},
    {"refresh: other JSON, but stored after the pass began", LIVE, COMMIT_REFRESH, 0, 0, "7",
     "{\"raw\":2}", "stale"},
    {"refresh: what was deleted before the pass and is there", TOMBSTONE, COMMIT_REFRESH, 0, 1, "7",
     "{\"raw\":1}", "applied"},
    {"refresh: what was deleted after the pass began", TOMBSTONE, COMMIT_REFRESH, 0, 0, "7",
     "{\"raw\":1}", "stale"},

    {"unchanged: as seen", LIVE, COMMIT_UNCHANGED, 1, 0, "8", "{}", "applied"},
    {"unchanged: written meanwhile", LIVE, COMMIT_UNCHANGED, 2, 0, "8", "{}", "changed"},
    {"unchanged: seen nothing, there is something", LIVE, COMMIT_UNCHANGED, 0, 0, "8", "{}",
     "changed"},
    {"unchanged: seen nothing, there is nothing", NOTHING, COMMIT_UNCHANGED, 0, 0, "8", "{}",
     "applied"},
    {"unchanged: a tombstone counts as something", TOMBSTONE, COMMIT_UNCHANGED, 0, 0, "8", "{}",
     "changed"},

    {"newer and unchanged: both", LIVE, COMMIT_NEWER | COMMIT_UNCHANGED, 1, 0, "8", "{}",
     "applied"},
    {"newer and unchanged: stale comes first", LIVE, COMMIT_NEWER | COMMIT_UNCHANGED, 2, 0, "7",
     "{}", "stale"},
    {"newer and unchanged: newer, but changed", LIVE, COMMIT_NEWER | COMMIT_UNCHANGED, 2, 0, "8",
     "{}", "changed"},

    {"revision: as seen", LIVE, COMMIT_REVISION, 1, 0, "0", "{}", "applied"},
    {"revision: another", LIVE, COMMIT_REVISION, 2, 0, "0", "{}", "conflict"},
    {"revision: nothing there, none expected", NOTHING, COMMIT_REVISION, 0, 0, "0", "{}",
     "applied"},
    {"absent: nothing there", NOTHING, COMMIT_ABSENT, 0, 0, "0", "{}", "applied"},
    {"absent: something there", LIVE, COMMIT_ABSENT, 0, 0, "0", "{}", "conflict"},
    {"absent: a tombstone is nothing", TOMBSTONE, COMMIT_ABSENT, 0, 0, "0", "{}", "applied"},
    {"absent and newer: the conflict comes first", LIVE, COMMIT_ABSENT | COMMIT_NEWER, 0, 0, "1",
     "{}", "conflict"},
};

static const char *spell(const struct commit_result *result)
{
    static const char *const words[] = {"applied", "stale", "changed", "same"};

    return result->outcome == COMMIT_CONFLICT ? "conflict" : words[result->ops[0].result];
}

static void test_conditions(void **state)
{
    struct fixture *f = *state;

    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        char key[32];
        int64_t stored = 0;

        snprintf(key, sizeof(key), "task/%zu", c);
        if (cases[c].before != NOTHING) {
            struct commit_op first = op_at(key, "7");

            stored = put(f->store, &first, 1).revision;
            if (cases[c].before == TOMBSTONE) {
                first.body = NULL;
                stored = put(f->store, &first, 1).revision;
            }
        }
        int64_t entries = log_length(f);
        struct commit_op op = op_at(key, cases[c].version);

        op.raw = cases[c].raw;
        op.conditions = cases[c].conditions;
        op.unchanged = cases[c].unchanged == 2 ? stored + 1000 : cases[c].unchanged * stored;
        op.since = cases[c].since ? stored : stored - 1;
        struct commit_result result = put(f->store, &op, 1);
        bool applied = streq(cases[c].want, "applied");

        if (!streq(spell(&result), cases[c].want)) {
            fail_msg("%s: want %s, got %s", cases[c].name, cases[c].want, spell(&result));
        }
        if (log_length(f) != entries + applied) {
            fail_msg("%s: %d entries were logged", cases[c].name, (int)(log_length(f) - entries));
        }
    }
}

/* ---- what it leaves behind ----------------------------------------------------------------- */

static void test_results_and_entries(void **state)
{
    struct fixture *f = *state;
    struct commit_op ops[] = {op_at("task/1", "1"), op_at("task/2", "1"), op_at("task/3", "1")};
    struct error err = {0};
    struct log_batch batch = {0};
    struct commit_result first = put(f->store, ops, 1);

    ops[0].conditions = COMMIT_NEWER; /* skipped now */
    ops[1].fields = "arn:cluster/b\tPENDING";
    struct commit commit = commit_of(ops, 3);

    commit.actor = "i-am";
    struct commit_result second = run(f->store, &commit);

    assert_int_equal(second.ops[0].result, COMMIT_STALE);
    assert_int_equal(second.ops[0].revision, 0);
    assert_int_equal(second.ops[1].revision, first.revision + 1); /* a skip takes no revision */
    assert_int_equal(second.ops[2].revision, first.revision + 2);
    assert_int_equal(second.revision, first.revision + 2);
    assert_true(llabs(second.now_ms - clock_wall_ms()) < PATIENCE_MS);

    AUTO(log_reader) *reader = log_reader_open(f->store, &err);

    assert_ok(log_read(reader, first.revision, 0, 10, &batch, &err), &err);
    assert_int_equal(batch.n, 2);
    assert_string_equal(batch.entries[0].key, "task/2");
    assert_string_equal(batch.entries[0].cause, "event");
    assert_string_equal(batch.entries[0].actor, "i-am");
    assert_string_equal(batch.entries[0].commit_id, commit.id);
    assert_int_equal(batch.entries[0].following, 1);
    assert_int_equal(batch.entries[1].following, 0);
    assert_int_equal(batch.entries[0].at_ms, second.now_ms);
    assert_null(batch.entries[0].old_fields); /* there was none */
    assert_int_equal(server_number(f->server, "HGET", KEY_CHANGED, "task arn:cluster/a"),
                     second.ops[2].revision);
    assert_int_equal(server_number(f->server, "HGET", KEY_CHANGED, "task arn:cluster/b"),
                     second.ops[1].revision);
    assert_int_equal(server_number(f->server, "HGET", key_of_raw(KIND_TASK), "task/2"),
                     second.ops[1].revision);
    log_batch_clear(&batch);
}

static void test_value_and_old_fields(void **state)
{
    struct fixture *f = *state;
    struct commit_op op = op_at(KEY, "3");
    struct stored_value value = {0};

    put(f->store, &op, 1);
    op.version = "9007199254740993001";
    op.fields = "arn:cluster/a\tSTOPPED";
    struct commit_result result = put(f->store, &op, 1);
    struct log_batch batch = last_entry(f);

    assert_string_equal(batch.entries[0].old_fields, FIELDS);
    assert_true(value_parse(batch.entries[0].value, batch.entries[0].value_len, &value));
    assert_int_equal(value.revision, result.revision);
    assert_int_equal(value.at_ms, result.now_ms);
    assert_memory_equal(value.version, "9007199254740993001", value.version_len);
    assert_memory_equal(value.fields, op.fields, value.fields_len);
    assert_memory_equal(value.body, op.body, value.body_len);
    log_batch_clear(&batch);

    put(f->store, &op, 1);
    batch = last_entry(f);
    assert_null(batch.entries[0].old_fields); /* it did not differ */
    log_batch_clear(&batch);
}

static void test_delete_logs_the_last_value(void **state)
{
    struct fixture *f = *state;
    struct commit_op op = op_at(KEY, "3");
    struct stored_value value = {0};
    struct stored stored = {0};
    struct error err = {0};
    const char *keys[] = {KEY};
    struct commit_result first = put(f->store, &op, 1);

    op.version = "4";
    op.body = NULL;
    op.fields = NULL;
    struct commit_result second = put(f->store, &op, 1);
    struct log_batch batch = last_entry(f);

    assert_true(batch.entries[0].deleted);
    assert_int_equal(batch.entries[0].revision, second.revision);
    assert_true(value_parse(batch.entries[0].value, batch.entries[0].value_len, &value));
    assert_int_equal(value.revision, first.revision);
    assert_true(value.body_len > 0);
    assert_int_equal(server_number(f->server, "HGET", KEY_CHANGED, "task arn:cluster/a"),
                     second.revision);
    log_batch_clear(&batch);

    assert_ok(store_read(f->store, KIND_TASK, keys, 1, &stored, &err), &err);
    assert_true(stored.deleted);
    assert_int_equal(stored.revision, second.revision);
    assert_string_equal(stored.version, "4");
    assert_null(stored.raw);
    stored_clear(&stored, 1);
}

static void test_read(void **state)
{
    struct fixture *f = *state;
    struct commit_op ops[] = {op_at("task/1", "3"), op_at("task/2", "4")};
    const char *keys[] = {"task/2", "task/none", "task/1"};
    struct stored stored[3] = {{0}};
    struct error err = {0};

    ops[1].raw = NULL;
    struct commit_result result = put(f->store, ops, 2);

    assert_ok(store_read(f->store, KIND_TASK, keys, 3, stored, &err), &err);
    assert_int_equal(stored[0].revision, result.ops[1].revision);
    assert_null(stored[0].raw);
    assert_int_equal(stored[1].revision, 0);
    assert_false(stored[1].deleted);
    assert_string_equal(stored[2].raw, "{\"raw\":1}");
    assert_string_equal(stored[2].version, "3");
    assert_int_equal(stored[2].at_ms, result.now_ms);
    stored_clear(stored, 3);
}

static void test_read_raw(void **state)
{
    struct fixture *f = *state;
    struct commit_op ops[] = {op_at("task/1", "3"), op_at("task/2", "4")};
    const char *keys[] = {"task/2", "task/none", "task/1", "task/2"};
    char *raws[4];
    struct error err = {0};

    ops[1].raw = "{\"a\":\"\\n\"}";
    put(f->store, ops, 2);
    assert_ok(store_read_raw(f->store, KIND_TASK, keys, 4, raws, &err), &err);
    assert_string_equal(raws[0], ops[1].raw);
    assert_null(raws[1]);
    assert_string_equal(raws[2], "{\"raw\":1}");
    assert_string_equal(raws[3], ops[1].raw);
    for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
        free(raws[i]);
    }
    assert_int_equal(store_read_raw(f->store, KIND_TASK, keys, 0, raws, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

/* ---- the whole commit ---------------------------------------------------------------------- */

static void test_conflict_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct commit_op ops[] = {op_at("task/1", "1"), op_at("task/2", "1"), op_at("task/3", "1")};

    put(f->store, &ops[1], 1);
    int64_t entries = log_length(f);

    ops[1].conditions = COMMIT_ABSENT;
    struct commit_result result = put(f->store, ops, 3);

    assert_int_equal(result.outcome, COMMIT_CONFLICT);
    assert_int_equal(result.conflict_op, 1);
    assert_int_equal(log_length(f), entries);
    assert_int_equal(server_number(f->server, "HLEN", key_of_kind(KIND_TASK), NULL), 1);
}

static void test_repeated_id_gets_the_first_answer(void **state)
{
    struct fixture *f = *state;
    struct commit_op op = op_at(KEY, "1");
    struct commit commit = commit_of(&op, 1);

    op.conditions = COMMIT_ABSENT;
    commit.durable = true;
    struct commit_result first = run(f->store, &commit);
    struct commit_result again = run(f->store, &commit);

    assert_int_equal(again.outcome, COMMIT_DONE);
    assert_int_equal(again.ops[0].revision, first.ops[0].revision);
    assert_int_equal(again.now_ms, first.now_ms);
    AUTO_CHAR *record = xasprintf("%s%s", KEY_RESULT_PREFIX, commit.id);
    int64_t ttl_s = server_number(f->server, "TTL", record, NULL);

    assert_true(ttl_s > 500 && ttl_s <= 600);
    commit_id_make(commit.id);
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_CONFLICT);
    commit.durable = false; /* leaves no record */
    op.conditions = 0;
    commit_id_make(commit.id);
    run(f->store, &commit);
    AUTO_CHAR *none = xasprintf("%s%s", KEY_RESULT_PREFIX, commit.id);

    assert_int_equal(server_number(f->server, "EXISTS", none, NULL), 0);
}

static void test_lease_token(void **state)
{
    struct fixture *f = *state;
    struct commit_op op = op_at(KEY, "1");
    struct commit commit = commit_of(&op, 1);

    commit.lease_token = "mine";
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_NO_LEASE); /* there is none at all */
    reply_free(server_call(f->server, "HSET", KEY_LEASE, "token", "theirs", NULL));
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_NO_LEASE);
    reply_free(server_call(f->server, "HSET", KEY_LEASE, "token", "mine", NULL));
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_DONE);
}

static void test_freeze(void **state)
{
    struct fixture *f = *state;
    struct commit_op op = op_at(KEY, "1");
    struct commit commit = commit_of(&op, 1);

    assert_int_equal(run(f->store, &commit).outcome, COMMIT_DONE);
    reply_free(server_call(f->server, "HSET", KEY_META, "freeze", "1", NULL));
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_DONE);
    commit.acts = true;
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_FROZEN);
    reply_free(server_call(f->server, "HSET", KEY_META, "freeze", "0", NULL));
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_DONE);
}

static void test_audit(void **state)
{
    struct fixture *f = *state;
    struct commit_op op = op_at(KEY, "1");
    struct commit commit = commit_of(&op, 1);

    op.conditions = COMMIT_ABSENT;
    commit.actor = "alice";
    commit.audit_environment = "env-1";
    commit.audit_request = "req-1";
    commit.audit_api_request = "gateway-1";
    commit.audit_what = "create-environment";
    commit.audit_after = "{\"x\":1}";
    run(f->store, &commit);
    commit_id_make(commit.id);
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_CONFLICT); /* what did not happen */

    AUTO(reply) *entries = server_call(f->server, "XRANGE", KEY_AUDIT, "-", "+", NULL);

    assert_int_equal(entries->n, 1);
    const struct reply *values = reply_array_at(reply_array_at(entries, 0), 1);

    assert_string_equal(reply_field(values, "actor")->text, "alice");
    assert_string_equal(reply_field(values, "environment")->text, "env-1");
    assert_string_equal(reply_field(values, "request")->text, "req-1");
    assert_string_equal(reply_field(values, "apiRequest")->text, "gateway-1");
    assert_string_equal(reply_field(values, "what")->text, "create-environment");
    assert_string_equal(reply_field(values, "before")->text, "");
    assert_string_equal(reply_field(values, "after")->text, "{\"x\":1}");
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    static struct commit_op many[COMMIT_OPS_MAX + 1];
    static char keys[COMMIT_OPS_MAX + 1][16];
    AUTO_CHAR *large = xmalloc(COMMIT_BYTES_MAX);
    struct commit_result result = {0};
    struct commit commit = {0};
    struct error err = {0};

    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        snprintf(keys[i], sizeof(keys[i]), "task/%zu", i);
        many[i] = op_at(keys[i], "1");
    }
    commit = commit_of(many, COMMIT_OPS_MAX);
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_DONE);
    commit.n_ops++;
    assert_int_equal(store_commit(f->store, &commit, &result, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);

    memset(large, 'x', COMMIT_BYTES_MAX - 1);
    large[COMMIT_BYTES_MAX - 1] = '\0';
    many[0].body = large;
    commit.n_ops = 1;
    error_clear(&err);
    assert_int_equal(store_commit(f->store, &commit, &result, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);

    struct commit_op twice[] = {op_at(KEY, "1"), op_at(KEY, "2")};
    int64_t entries = log_length(f);

    commit = commit_of(twice, 2);
    error_clear(&err);
    assert_int_equal(store_commit(f->store, &commit, &result, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.text, KEY));
    assert_int_equal(log_length(f), entries);
    twice[1].kind = KIND_INSTANCE; /* the same key of another kind is another thing */
    assert_int_equal(run(f->store, &commit).outcome, COMMIT_DONE);
}

static void test_malformed_operations(void **state)
{
    struct fixture *f = *state;
    struct commit_op good = op_at(KEY, "1");
    struct commit_op bad[] = {good, good, good, good, good, good, good};
    struct commit_result result = {0};

    bad[0].version = "01";
    bad[1].version = "1.5";
    bad[2].version = "";
    bad[3].version = NULL;
    bad[4].body = "";
    bad[5].fields = "two\nlines";
    bad[6].key = "";
    for (size_t b = 0; b < ARRAY_LEN(bad); b++) {
        struct commit commit = commit_of(&bad[b], 1);
        struct error err = {0};

        assert_int_equal(store_commit(f->store, &commit, &result, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void test_forgotten_script(void **state)
{
    struct fixture *f = *state;
    struct commit_op op = op_at(KEY, "1");

    put(f->store, &op, 1);
    reply_free(server_call(f->server, "SCRIPT", "FLUSH", NULL));
    assert_int_equal(put(f->store, &op, 1).ops[0].result, COMMIT_APPLIED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_conditions),
        TEST(test_results_and_entries),
        TEST(test_value_and_old_fields),
        TEST(test_delete_logs_the_last_value),
        TEST(test_read),
        TEST(test_read_raw),
        TEST(test_conflict_writes_nothing),
        TEST(test_repeated_id_gets_the_first_answer),
        TEST(test_lease_token),
        TEST(test_freeze),
        TEST(test_audit),
        TEST(test_limits),
        TEST(test_malformed_operations),
        TEST(test_forgotten_script),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
