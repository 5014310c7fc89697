/* The view: loading, following, whole commits, outages. */
#include "server.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/keys.h"
#include "util/mem.h"
#include "view/view.h"

/* ---- helpers
 * ---------------------------------------------------------------------------------------- */

struct fixture {
    struct server *server;
    struct store *store;
};

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->server = server_start("--appendonly", "yes", "--appendfsync", "always");
    f->store = open_store(server_url(f->server));
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

/* What the listener heard. */
struct heard {
    atomic_int changed, committed, reloaded, epochs, troubles, recoveries;
    _Atomic int64_t epoch;
    atomic_int appeared, vanished;
};

static void on_changed(void *ctx, const struct entity *before, const struct entity *after)
{
    struct heard *heard = ctx;

    heard->changed++;
    heard->appeared += !before;
    heard->vanished += !after;
}

static void on_committed(void *ctx, int64_t revision, int64_t at_ms)
{
    (void)revision;
    (void)at_ms;
    ((struct heard *)ctx)->committed++;
}

static void on_reloaded(void *ctx, int64_t revision)
{
    (void)revision;
    ((struct heard *)ctx)->reloaded++;
}

static void on_epoch(void *ctx, int64_t revision)
{
    ((struct heard *)ctx)->epochs++;
    ((struct heard *)ctx)->epoch = revision;
}

static void on_trouble(void *ctx, const struct error *why)
{
    if (why) {
        ((struct heard *)ctx)->troubles++;
    } else {
        ((struct heard *)ctx)->recoveries++;
    }
}

#define LISTENER(heard)                                                                            \
    {                                                                                              \
        on_changed, on_committed, on_reloaded, on_epoch, on_trouble, heard                         \
    }

static struct view *open_view(struct store *store, const struct view_options *options)
{
    struct error err = {0};
    struct view *view = view_open(store, options, &err);

    assert_non_null(view);
    eventually(view_ready(view));
    return view;
}

static struct commit_op task_op(const char *key, const char *fields)
{
    return (struct commit_op){.kind = KIND_TASK,
                              .key = key,
                              .version = "1",
                              .fields = fields,
                              .body = "{\"a\":1}",
                              .raw = "{}"};
}

static int64_t put(struct store *store, const struct commit_op *ops, size_t n)
{
    struct commit commit = {.cause = "event", .ops = ops, .n_ops = n};
    struct commit_result result = {0};
    struct error err = {0};

    commit_id_make(commit.id);
    assert_ok(store_commit(store, &commit, &result, &err), &err);
    assert_int_equal(result.outcome, COMMIT_DONE);
    return result.revision;
}

/* n tasks "<prefix>00000" and so on, in commits of up to 256. */
static int64_t seed(struct store *store, const char *prefix, size_t n, const char *fields)
{
    int64_t revision = 0;

    for (size_t done = 0; done < n;) {
        static struct commit_op ops[COMMIT_OPS_MAX];
        static char keys[COMMIT_OPS_MAX][64];
        size_t size = n - done < COMMIT_OPS_MAX ? n - done : COMMIT_OPS_MAX;

        for (size_t i = 0; i < size; i++) {
            snprintf(keys[i], sizeof(keys[i]), "%s%05zu", prefix, done + i);
            ops[i] = task_op(keys[i], fields);
        }
        revision = put(store, ops, size);
        done += size;
    }
    return revision;
}

static size_t count(struct view *view, const char *cluster)
{
    AUTO_ENTITY_LIST list = {0};

    view_list(view, KIND_TASK, cluster, &list);
    return list.n;
}

/* ---- loading and following
 * --------------------------------------------------------------------------- */

static void test_load_and_follow(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    const struct view_listener listener = LISTENER(&heard);
    const struct view_options options = {.listener = &listener};
    struct error err = {0};

    seed(f->store, "t", 1000, "b\tRUNNING");
    seed(f->store, "u", 10, "a\tPENDING");
    AUTO(view) *view = open_view(f->store, &options);

    assert_int_equal(heard.reloaded, 1);
    assert_int_equal(heard.epochs, 1);
    assert_int_equal(heard.epoch, view_epoch(view));
    assert_int_equal(count(view, NULL), 1010);
    assert_int_equal(count(view, "a"), 10);
    assert_int_equal(count(view, "none"), 0);

    struct commit_op op = task_op("t00500", "b\tSTOPPED");
    int64_t revision = put(f->store, &op, 1);

    assert_ok(view_wait(view, revision, 2000, &err), &err);
    assert_int_equal(heard.changed, 1); /* the listener hears of it before waiters do */
    AUTO(entity) *entity = view_get(view, KIND_TASK, "t00500");

    assert_int_equal(entity->revision, revision);
    assert_string_equal(entity_field(entity, 1), "STOPPED");
    assert_string_equal(entity_field(entity, 9), "");
    AUTO_CHAR *text = xasprintf("{\"entity\":{\"a\":1},\"metadata\":{\"entityVersion\":\"%lld\"}}",
                                (long long)revision);

    assert_string_equal(entity->text, text);
    assert_int_equal(entity->text_len, strlen(text));

    op.body = NULL;
    revision = put(f->store, &op, 1);
    assert_ok(view_wait(view, revision, 2000, &err), &err);
    assert_int_equal(heard.vanished, 1);
    assert_null(view_get(view, KIND_TASK, "t00500"));
    assert_int_equal(count(view, "b"), 999);
    assert_string_equal(entity->key, "t00500"); /* our reference is still good */
    assert_true(llabs(view_now_ms(view) - clock_wall_ms()) < 2000);
    assert_true(view_age_ms(view) < 1500);
}

static void test_order(void **state)
{
    struct fixture *f = *state;
    const struct view_options options = {0};
    const struct commit_op ops[] = {task_op("m", "b"), task_op("z", "a"), task_op("c", "b"),
                                    task_op("d", "a"), task_op("ca", "c")};
    AUTO(view) *view = open_view(f->store, &options);
    AUTO_ENTITY_LIST all = {0};
    AUTO_ENTITY_LIST some = {0};
    char keys[32] = "";

    assert_int_equal(view_wait(view, put(f->store, ops, ARRAY_LEN(ops)), 2000, NULL), 0);
    view_list(view, KIND_TASK, NULL, &all);
    view_list_prefix(view, KIND_TASK, "c", &some);
    for (size_t i = 0; i < all.n; i++) {
        strcat(keys, all.items[i]->key);
    }
    assert_string_equal(keys, "dzcmca"); /* a: d z, b: c m, c: ca */
    assert_int_equal(some.n, 2);
    assert_string_equal(some.items[0]->key, "c");
    assert_string_equal(some.items[1]->key, "ca");
    assert_int_equal(all.revision, view_revision(view));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_load_and_follow),
        TEST(test_order),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
