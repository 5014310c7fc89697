/* What has had its time goes, and nothing else: upkeep against a real Redis. */
#include "../store/server.h"

#include <stdlib.h>

#include "model/environment.h"
#include "reconcile/upkeep.h"
#include "util/mem.h"

#define PLACE   "arn:aws:ecs:us-east-1:123456789012:"
#define CLUSTER PLACE "cluster/prod"
#define ID      "0123456789abcdef0123456789abcdef"
#define HOUR_MS 3600000

struct world {
    struct server *server;
    struct store *store;
    struct view *view;
    struct lease *lease;
    struct upkeep *upkeep;
};

static int begin(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->server = server_start("--loglevel", "warning", NULL);
    w->store = open_store(server_url(w->server));
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;

    upkeep_free(w->upkeep);
    lease_free(w->lease);
    view_free(w->view);
    store_free(w->store);
    server_free(w->server);
    free(w);
    return 0;
}

static void start_upkeep_with(struct world *w, int64_t log_age_ms)
{
    const struct view_options view = {.without_bodies = true};
    struct error err = {0};

    w->view = view_open(w->store, &view, &err);
    w->lease = lease_open(w->store, "test", NULL, NULL, &err);
    const struct upkeep_options upkeep = {
        .store = w->store, .view = w->view, .lease = w->lease, .log_age_ms = log_age_ms};

    w->upkeep = upkeep_open(&upkeep, &err);
    if (err.code != ERR_NONE) {
        fail_msg("%s", err.text);
    }
}

static void start_upkeep(struct world *w)
{
    start_upkeep_with(w, 0);
}

static void put(struct world *w, enum kind kind, const char *key, const struct strbuf *fields)
{
    const struct commit_op op = {.kind = kind,
                                 .key = key,
                                 .version = "1",
                                 .fields = fields->text,
                                 .body = "{}",
                                 .raw = "{}"};
    struct commit commit = {.cause = "test", .ops = &op, .n_ops = 1};
    struct commit_result *result = xmalloc(sizeof(*result));
    struct error err = {0};

    commit_id_make(commit.id);
    assert_ok(store_commit(w->store, &commit, result, &err), &err);
    assert_int_equal(result->outcome, COMMIT_DONE);
    free(result);
}

static void put_task(struct world *w, const char *key, const char *status, int64_t stopped_at_ms)
{
    AUTO_STRBUF fields = {0};

    for (int f = 0; f < TASK_FIELDS; f++) {
        if (f == TASK_STOPPED_AT_MS && stopped_at_ms) {
            fields_add_int(&fields, stopped_at_ms);
        } else {
            fields_add(&fields, f == TASK_CLUSTER ? CLUSTER : f == TASK_LAST_STATUS ? status : "");
        }
    }
    put(w, KIND_TASK, key, &fields);
}

static void put_environment(struct world *w, const char *id, int64_t deleted_at_ms)
{
    const struct environment environment = {
        .cluster = CLUSTER,
        .id = id,
        .name = "agent",
        .task_definition = "",
        .token = "",
        .deployment = "",
        .status = deleted_at_ms ? ENVIRONMENT_DELETED : ENVIRONMENT_ACTIVE,
        .deleted_at_ms = deleted_at_ms,
    };
    AUTO_STRBUF fields = {0}, deployment = {0};
    AUTO_CHAR *key = xasprintf("%s/first", id);

    environment_fields(&environment, &fields);
    put(w, KIND_ENVIRONMENT, id, &fields);
    fields_add(&deployment, CLUSTER);
    put(w, KIND_DEPLOYMENT, key, &deployment);
}

/* Stored and no tombstone. */
static bool lives(struct world *w, enum kind kind, const char *key)
{
    struct stored stored = {0};
    struct error err = {0};

    assert_ok(store_read(w->store, kind, &key, 1, &stored, &err), &err);
    bool alive = stored.revision > 0 && !stored.deleted;

    stored_clear(&stored, 1);
    return alive;
}

static void test_what_stopped_an_hour_ago_expires(void **state)
{
    struct world *w = *state;
    int64_t now_ms = clock_wall_ms();

    put_task(w, "long", "STOPPED", now_ms - HOUR_MS - 1000);
    put_task(w, "lately", "STOPPED", now_ms - HOUR_MS + 60000);
    put_task(w, "running", "RUNNING", 0);
    put_task(w, "unknown", "STOPPED", 0); /* since we heard of it */
    start_upkeep(w);
    eventually(!lives(w, KIND_TASK, "long"));
    assert_true(lives(w, KIND_TASK, "lately"));
    assert_true(lives(w, KIND_TASK, "running"));
    assert_true(lives(w, KIND_TASK, "unknown"));
}

static void test_deleted_environments_go_with_their_deployments(void **state)
{
    struct world *w = *state;
    int64_t now_ms = clock_wall_ms();

    put_environment(w, "old", now_ms - 24 * HOUR_MS - 1000);
    put_environment(w, "new", now_ms - 23 * HOUR_MS);
    put_environment(w, "alive", 0);
    start_upkeep(w);
    eventually(!lives(w, KIND_ENVIRONMENT, "old"));
    assert_false(lives(w, KIND_DEPLOYMENT, "old/first"));
    assert_true(lives(w, KIND_ENVIRONMENT, "new") && lives(w, KIND_DEPLOYMENT, "new/first"));
    assert_true(lives(w, KIND_ENVIRONMENT, "alive") && lives(w, KIND_DEPLOYMENT, "alive/first"));
}

static void put_tombstone(struct world *w, const char *key, int64_t at_ms)
{
    AUTO_CHAR *value = xasprintf("1 5 %lld " ID "\n" CLUSTER "\n", (long long)at_ms);

    AUTO_CHAR *at = xasprintf("%lld", (long long)at_ms);
    AUTO_CHAR *member = xasprintf("task %s", key);

    reply_free(server_call(w->server, "HSET", "{blox}:task", key, value, NULL));
    reply_free(server_call(w->server, "ZADD", "{blox}:tombstones", at, member, NULL));
}

static void test_old_tombstones_are_removed(void **state)
{
    struct world *w = *state;
    int64_t now_ms = clock_wall_ms();

    put_tombstone(w, "old", now_ms - 3 * HOUR_MS - 1000);
    put_tombstone(w, "new", now_ms - 3 * HOUR_MS + 60000);
    put_task(w, "running", "RUNNING", 0);
    assert_int_equal(server_number(w->server, "HLEN", "{blox}:task", NULL), 3);
    start_upkeep(w);
    eventually(server_number(w->server, "HLEN", "{blox}:task", NULL) == 2);
    assert_int_equal(server_number(w->server, "HEXISTS", "{blox}:task", "new"), 1);
    assert_int_equal(server_number(w->server, "HEXISTS", "{blox}:task", "running"), 1);
}

/* --log-age: what is older goes, but for what may be the newest commit; the view follows on. */
static void test_old_entries_leave_the_log(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < COMMIT_OPS_MAX + 100; i++) {
        put_task(w, "busy", "RUNNING", 0);
    }
    clock_sleep_ms(100);
    start_upkeep_with(w, 50);
    eventually(server_number(w->server, "XLEN", "{blox}:log", NULL) == COMMIT_OPS_MAX);
    put_task(w, "late", "RUNNING", 0);
    eventually(lives(w, KIND_TASK, "late"));
}

static void test_young_entries_stay_in_the_log(void **state)
{
    struct world *w = *state;

    for (int i = 0; i < COMMIT_OPS_MAX + 100; i++) {
        put_task(w, "busy", "RUNNING", 0);
    }
    put_task(w, "long", "STOPPED", clock_wall_ms() - 2 * HOUR_MS); /* tells when it is over */
    start_upkeep_with(w, HOUR_MS);
    eventually(!lives(w, KIND_TASK, "long"));
    clock_sleep_ms(200);
    assert_true(server_number(w->server, "XLEN", "{blox}:log", NULL) > COMMIT_OPS_MAX + 100);
}

/* Another process has the lease: it is its job. */
static void test_without_the_lease_nothing_goes(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    struct lease *other = lease_open(w->store, "other", NULL, NULL, &err);

    eventually(lease_held(other, NULL));
    put_task(w, "long", "STOPPED", clock_wall_ms() - 2 * HOUR_MS);
    start_upkeep(w);
    clock_sleep_ms(2500); /* longer than a holder would take */
    assert_true(lives(w, KIND_TASK, "long"));
    lease_free(other);
    eventually(!lives(w, KIND_TASK, "long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_stopped_an_hour_ago_expires, begin, end),
        cmocka_unit_test_setup_teardown(test_deleted_environments_go_with_their_deployments, begin,
                                        end),
        cmocka_unit_test_setup_teardown(test_old_tombstones_are_removed, begin, end),
        cmocka_unit_test_setup_teardown(test_old_entries_leave_the_log, begin, end),
        cmocka_unit_test_setup_teardown(test_young_entries_stay_in_the_log, begin, end),
        cmocka_unit_test_setup_teardown(test_without_the_lease_nothing_goes, begin, end),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
