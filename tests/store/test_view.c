/* The view: loading, following, whole commits. */
#include "viewing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

/* ---- loading and following ----------------------------------------------------------------- */

static void test_load_and_follow(void **state)
{
    struct fixture *f = *state;
    struct heard heard = {0};
    const struct view_listener listener = listener_of(&heard);
    const struct view_options options = {.listener = &listener};
    struct error err = {0};

    seed(f->store, "t", 1000, "b\tRUNNING");
    seed(f->store, "u", 10, "a\tPENDING");
    AUTO(view) *view = open_view(f->store, &options);

    assert_int_equal(heard.reloaded, 1);
    assert_int_equal(heard.epochs, 1);
    assert_true(heard.epoch > 0);
    assert_int_equal(count(view, NULL), 1010);
    assert_int_equal(count(view, "a"), 10);
    assert_int_equal(count(view, "none"), 0);

    struct commit_op op = task_op("t00500", "b\tSTOPPED");
    int64_t revision = put(f->store, &op, 1);

    assert_ok(view_wait(view, revision, PATIENCE_MS, &err), &err);
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
    assert_ok(view_wait(view, revision, PATIENCE_MS, &err), &err);
    assert_int_equal(heard.vanished, 1);
    assert_null(view_get(view, KIND_TASK, "t00500"));
    assert_int_equal(count(view, "b"), 999);
    assert_string_equal(entity->key, "t00500"); /* our reference is still good */
    assert_true(llabs(view_now_ms(view) - clock_wall_ms()) < PATIENCE_MS);
    assert_true(view_age_ms(view) < PATIENCE_MS);
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

    assert_int_equal(view_wait(view, put(f->store, ops, ARRAY_LEN(ops)), PATIENCE_MS, NULL), 0);
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

static void test_without_bodies(void **state)
{
    struct fixture *f = *state;
    const struct view_options options = {.without_bodies = true};
    const struct commit_op op = task_op("t", "a\tRUNNING\tx\\ty");
    AUTO(view) *view = open_view(f->store, &options);

    assert_int_equal(view_wait(view, put(f->store, &op, 1), PATIENCE_MS, NULL), 0);
    AUTO(entity) *entity = view_get(view, KIND_TASK, "t");

    assert_null(entity->text);
    assert_string_equal(entity_field(entity, 1), "RUNNING");
    assert_string_equal(entity_field(entity, 2), "x\ty");
    assert_string_equal(entity->version, "1");
}

static int64_t changed(struct view *view, enum kind kind, const char *cluster_arn)
{
    return view_stamp(view, VIEW_KIND(kind), cluster_arn, NULL).changed;
}

static void test_changed_is_the_same_everywhere(void **state)
{
    struct fixture *f = *state;
    const struct view_options options = {0};
    AUTO(view) *early = open_view(f->store, &options);
    struct commit_op op = task_op("t1", "a");
    int64_t first = put(f->store, &op, 1);

    op = task_op("t2", "b");
    int64_t second = put(f->store, &op, 1);

    op = task_op("t1", "a");
    op.body = NULL;
    int64_t third = put(f->store, &op, 1);
    AUTO(view) *late = open_view(f->store, &options);

    assert_int_equal(view_wait(early, third, PATIENCE_MS, NULL), 0);
    assert_true(first < second && second < third);
    for (struct view *view = early; view; view = view == early ? late : NULL) {
        assert_int_equal(changed(view, KIND_TASK, "a"), third);
        assert_int_equal(changed(view, KIND_TASK, "b"), second);
        assert_int_equal(changed(view, KIND_TASK, NULL), third);
        assert_int_equal(changed(view, KIND_TASK, "c"), 0);
        assert_int_equal(changed(view, KIND_INSTANCE, NULL), 0);
    }
}

/* ---- whole commits, under load ------------------------------------------------------------- */

struct reading {
    struct view *view;
    atomic_bool stop;
    atomic_int torn; /* lists which showed half a commit */
    atomic_int lists;
};

/* All tasks "pair/..." are always written together, with one generation in their fields. */
static void *read_pairs(void *arg)
{
    struct reading *reading = arg;

    while (!reading->stop) {
        AUTO_ENTITY_LIST list = {0};

        view_list_prefix(reading->view, KIND_TASK, "pair/", &list);
        for (size_t i = 1; i < list.n; i++) {
            reading->torn += !streq(list.items[i]->fields[1], list.items[0]->fields[1]);
        }
        reading->torn += list.n != 0 && list.n != 100;
        reading->lists++;
    }
    return NULL;
}

static void test_readers_see_whole_commits(void **state)
{
    struct fixture *f = *state;
    const struct view_options options = {0};
    AUTO(view) *view = open_view(f->store, &options);
    struct reading reading = {.view = view};
    pthread_t threads[3];
    int64_t revision = 0;

    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, read_pairs, &reading), 0);
    }
    for (int generation = 0; generation < 100; generation++) {
        char fields[32];

        snprintf(fields, sizeof(fields), "%c\t%d", 'a' + generation % 3, generation);
        revision = seed(f->store, "pair/", 100, fields);
    }
    int seen = view_wait(view, revision, PATIENCE_MS, NULL); /* readers do not starve it */

    reading.stop = true;
    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        pthread_join(threads[t], NULL);
    }
    assert_int_equal(seen, 0); /* not before: a failure leaves the stack on which they read */
    assert_int_equal(reading.torn, 0);
    assert_true(reading.lists > 0);
}

struct writing {
    struct store *store;
    atomic_bool stop;
    int64_t revision;
};

static void *write_always(void *arg)
{
    struct writing *writing = arg;

    for (int i = 0; !writing->stop; i++) {
        struct commit_op ops[2];
        char keys[2][32];

        for (int o = 0; o < 2; o++) {
            snprintf(keys[o], sizeof(keys[o]), "t%05d", (i * 7919 + o * 31) % 4000);
            ops[o] = task_op(keys[o], "a\tRUNNING");
        }
        ops[1].body = i % 2 && !streq(keys[0], keys[1]) ? NULL : "{}";
        writing->revision = put(writing->store, ops, 2);
    }
    return NULL;
}

/* Each load sees the same as one who followed all the time. */
static void test_loads_while_written(void **state)
{
    struct fixture *f = *state;
    const struct view_options options = {0};
    struct writing writing = {.store = f->store};
    struct view *views[4];
    pthread_t thread;

    seed(f->store, "t", 4000, "a\tRUNNING");
    views[0] = open_view(f->store, &options);
    assert_int_equal(pthread_create(&thread, NULL, write_always, &writing), 0);
    for (size_t v = 1; v < ARRAY_LEN(views); v++) {
        clock_sleep_ms(30);
        views[v] = open_view(f->store, &options);
    }
    writing.stop = true;
    pthread_join(thread, NULL);
    AUTO_ENTITY_LIST want = {0};

    assert_int_equal(view_wait(views[0], writing.revision, PATIENCE_MS, NULL), 0);
    view_list(views[0], KIND_TASK, NULL, &want);
    for (size_t v = 1; v < ARRAY_LEN(views); v++) {
        AUTO_ENTITY_LIST got = {0};

        assert_int_equal(view_wait(views[v], writing.revision, PATIENCE_MS, NULL), 0);
        view_list(views[v], KIND_TASK, NULL, &got);
        assert_int_equal(got.n, want.n);
        for (size_t i = 0; i < got.n; i++) {
            assert_string_equal(got.items[i]->key, want.items[i]->key);
            assert_int_equal(got.items[i]->revision, want.items[i]->revision);
        }
    }
    for (size_t v = 0; v < ARRAY_LEN(views); v++) {
        view_free(views[v]);
    }
}

/* ---- how fast ------------------------------------------------------------------------------ */

static void test_figures(void **state)
{
    struct fixture *f = *state;
    const struct view_options options = {0};
    struct commit_op op = task_op("t00001", "a\tRUNNING");
    enum { ROUNDS = 200 };
    int64_t total_us = 0;

    seed(f->store, "t", 10000, "a\tRUNNING");
    AUTO(view) *view = open_view(f->store, &options);

    for (int i = 0; i < ROUNDS; i++) {
        int64_t revision = put(f->store, &op, 1);
        int64_t began_us = clock_mono_us();

        assert_int_equal(view_wait(view, revision, PATIENCE_MS, NULL), 0);
        total_us += clock_mono_us() - began_us;
    }
    int64_t began_us = clock_mono_us();

    assert_int_equal(count(view, NULL), 10000);
    print_message("# commit to view %lld us, list of 10,000 %lld us\n",
                  (long long)(total_us / ROUNDS), (long long)(clock_mono_us() - began_us));
    assert_true(total_us / ROUNDS < 250000); /* woken, not polled once a second */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_load_and_follow),
        TEST(test_order),
        TEST(test_without_bodies),
        TEST(test_changed_is_the_same_everywhere),
        TEST(test_readers_see_whole_commits),
        TEST(test_loads_while_written),
        TEST(test_figures),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
