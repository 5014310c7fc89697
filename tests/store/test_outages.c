/* The view when the log or Redis is gone: reloads, restarts, lost writes. */
#include "viewing.h"

#include <signal.h>

#include "store/keys.h"
#include "util/mem.h"

/* ---- the log has moved on ------------------------------------------------------------------ */

struct gate {
    struct heard heard; /* first: it is the listener's context, too */
    atomic_bool shut;
};

static void on_committed_wait(void *ctx, int64_t revision, int64_t at_ms)
{
    struct gate *gate = ctx;

    (void)revision;
    (void)at_ms;
    gate->heard.committed++;
    while (gate->shut) {
        clock_sleep_ms(1);
    }
}

static void test_trimmed_log_means_reload(void **state)
{
    struct fixture *f = *state;
    struct gate gate = {0};
    struct view_listener listener = listener_of(&gate.heard);
    const struct view_options options = {.listener = &listener};
    const struct store_options small = {
        .url = server_url(f->server), .timeout_ms = TIMEOUT_MS, .log_count_max = 100};
    AUTO(store) *store = store_open(&small, NULL);

    listener.committed = on_committed_wait;
    AUTO(view) *view = open_view(store, &options);

    gate.shut = true;
    seed(store, "t", 10, "a");
    eventually(gate.heard.committed == 1); /* the follower stands still now */
    int64_t revision = seed(store, "t", 3000, "a");

    gate.shut = false;
    assert_int_equal(view_wait(view, revision, PATIENCE_MS, NULL), 0);
    assert_int_equal(gate.heard.reloaded, 2);
    assert_int_equal(gate.heard.epochs, 1);
    assert_int_equal(count(view, NULL), 3000);
}

/* ---- outages ------------------------------------------------------------------------------- */

static void test_restart_with_the_same_data(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    const struct view_listener listener = listener_of(&heard);
    const struct view_options options = {.listener = &listener};
    struct commit_op op = task_op("t00000", "a\tSTOPPED");
    struct error err = {0};
    int64_t revision = seed(f->store, "t", 300, "a\tRUNNING");
    AUTO(view) *view = open_view(f->store, &options);

    server_kill(f->server);
    eventually(heard.troubles >= 1);
    int64_t began_ms = clock_mono_ms();

    assert_int_equal(view_catch_up(view, TIMEOUT_MS, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_true(clock_mono_ms() - began_ms < TIMEOUT_MS); /* it does not wait */
    clock_sleep_ms(100);
    assert_true(view_age_ms(view) >= 100); /* it grows, and the view still serves */
    assert_int_equal(count(view, "a"), 300);

    server_resume(f->server);
    eventually(heard.recoveries >= 1 && heard.epochs == 2);
    assert_int_equal(heard.reloaded, 1); /* it stood exactly where the epoch began */
    assert_true(view_revision(view) > revision);
    assert_int_equal(heard.recoveries, 1);
    revision = put(f->store, &op, 1);
    error_clear(&err);
    assert_ok(view_wait(view, revision, PATIENCE_MS, &err), &err);
    assert_int_equal(count(view, "a"), 300);
    assert_int_equal(heard.reloaded, 1);
}

/* A stop ends the wait for Redis' answer, which is not an answer. */
static void test_a_stop_while_redis_hangs_is_no_recovery(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    const struct view_listener listener = listener_of(&heard);
    const struct view_options options = {.listener = &listener};

    seed(f->store, "t", 10, "a");
    AUTO(store) *impatient = open_impatient(server_url(f->server), NULL, 0);
    struct view *view = open_view(impatient, &options);

    server_signal(f->server, SIGSTOP);
    eventually(heard.troubles >= 1);
    clock_sleep_ms(200); /* most likely it asks again by now */
    view_free(view);
    server_signal(f->server, SIGCONT);
    assert_int_equal(heard.recoveries, 0);
}

static void test_restart_with_lost_writes(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    const struct view_listener listener = listener_of(&heard);
    const struct view_options options = {.listener = &listener};

    server_free(f->server); /* one without AOF, which keeps what was saved */
    f->server = server_start();
    store_free(f->store);
    f->store = open_store(server_url(f->server));
    seed(f->store, "t", 300, "a\tRUNNING");
    reply_free(server_call(f->server, "SAVE", NULL));
    int64_t lost = seed(f->store, "u", 50, "a\tRUNNING");
    AUTO(view) *view = open_view(f->store, &options);

    assert_int_equal(count(view, "a"), 350);
    server_kill(f->server);
    server_resume(f->server);
    eventually(heard.reloaded == 2);
    assert_int_equal(heard.epochs, 2);
    assert_int_equal(count(view, "a"), 300);
    assert_true(view_revision(view) > lost); /* no number comes twice */
    int64_t revision = seed(f->store, "u", 1, "a\tRUNNING");

    assert_true(revision > lost);
    assert_int_equal(view_wait(view, revision, PATIENCE_MS, NULL), 0);
}

static void test_empty_redis_is_an_epoch(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    const struct view_listener listener = listener_of(&heard);
    const struct view_options options = {.listener = &listener};
    int64_t lost = seed(f->store, "t", 300, "a\tRUNNING");
    AUTO(view) *view = open_view(f->store, &options);

    server_kill(f->server);
    server_resume_empty(f->server);
    eventually(heard.reloaded == 2);
    assert_int_equal(heard.epochs, 2);
    assert_true(heard.epoch > lost);
    assert_int_equal(heard.vanished, 0); /* nothing was deleted: we do not know */
    assert_int_equal(count(view, NULL), 0);

    reply_free(server_call(f->server, "FLUSHALL", NULL)); /* without a restart, too */
    eventually(heard.epochs == 3);
    eventually(heard.reloaded == 3);
}

/* Somebody's FLUSHALL is found by the next commit, too, before any follower looks. */
static void test_commit_into_an_emptied_redis(void **state)
{
    struct fixture *f = *state;
    int64_t lost = seed(f->store, "t", 3, "a");

    reply_free(server_call(f->server, "FLUSHALL", NULL));
    assert_true(seed(f->store, "t", 1, "a") > lost);
    AUTO(reply) *log = server_call(f->server, "XRANGE", KEY_LOG, "-", "+", NULL);

    assert_int_equal(log->n, 2); /* the epoch and the commit */
}

/* Somebody removed the log to free memory; who stands at its end goes on, and others can load. */
static void test_log_removed_by_hand(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    const struct view_listener listener = listener_of(&heard);
    const struct view_options options = {.listener = &listener};
    const struct view_options plain = {0};
    int64_t revision = seed(f->store, "t", 3, "a");
    AUTO(view) *view = open_view(f->store, &options);

    reply_free(server_call(f->server, "DEL", KEY_LOG, NULL));
    AUTO(view) *late = open_view(f->store, &plain);

    assert_int_equal(view_revision(late), revision);
    revision = seed(f->store, "u", 3, "a");
    assert_int_equal(view_wait(view, revision, PATIENCE_MS, NULL), 0);
    assert_int_equal(view_wait(late, revision, PATIENCE_MS, NULL), 0);
    assert_int_equal(count(late, NULL), 6);
    assert_int_equal(heard.reloaded, 1);
}

/* An entry of a kind which only newer programs know is passed over. */
static void test_unknown_kind(void **state)
{
    struct fixture *f = *state;
    const struct view_options options = {0};
    AUTO(view) *view = open_view(f->store, &options);
    int64_t next = server_number(f->server, "INCR", KEY_REVISION, NULL);
    AUTO_CHAR *id = xasprintf("%lld-0", (long long)next);

    reply_free(server_call(f->server, "XADD", KEY_LOG, id, "at", "1", "commit", "f00d", "kind",
                           "selector", "key", "k", "value", "v", "following", "0", NULL));
    int64_t revision = seed(f->store, "t", 3, "a");

    assert_int_equal(view_wait(view, revision, PATIENCE_MS, NULL), 0);
    assert_int_equal(count(view, NULL), 3);
}

/* The server becomes a replica while the follower waits in it (UNBLOCKED), and a primary again. */
static void test_demotion_under_a_follower(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    const struct view_listener listener = listener_of(&heard);
    const struct view_options options = {.listener = &listener};

    seed(f->store, "t", 10, "a");
    AUTO(store) *impatient = open_impatient(server_url(f->server), NULL, 0);
    AUTO(view) *view = open_view(impatient, &options);

    clock_sleep_ms(50); /* most likely it waits by now */
    reply_free(server_call(f->server, "REPLICAOF", "127.0.0.1", "1", NULL));
    eventually(heard.troubles >= 1);
    assert_int_equal(count(view, NULL), 10);
    reply_free(server_call(f->server, "REPLICAOF", "NO", "ONE", NULL));
    eventually(heard.recoveries >= 1 && heard.epochs == 2);
    int64_t revision = seed(f->store, "u", 10, "a");

    assert_int_equal(view_wait(view, revision, PATIENCE_MS, NULL), 0);
    assert_int_equal(count(view, NULL), 20);
    assert_int_equal(heard.reloaded, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_trimmed_log_means_reload),
        TEST(test_restart_with_the_same_data),
        TEST(test_a_stop_while_redis_hangs_is_no_recovery),
        TEST(test_restart_with_lost_writes),
        TEST(test_empty_redis_is_an_epoch),
        TEST(test_commit_into_an_emptied_redis),
        TEST(test_demotion_under_a_follower),
        TEST(test_log_removed_by_hand),
        TEST(test_unknown_kind),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
