/* Selections: whatever the filter, the page and the way the view finds it, the answer is the one a
 * look at everything would give; and what tells whether something changed. */
#include "viewing.h"

#include <pthread.h>
#include <stdio.h>

#include "store/keys.h"
#include "util/mem.h"

#define PLACE        "arn:aws:ecs:us-east-1:123456789012:"
#define ALPHA        PLACE "cluster/alpha"
#define BETA         PLACE "cluster/beta"
#define WEST         "arn:aws:ecs:us-west-2:123456789012:cluster/alpha"
#define N_TASKS      9000 /* more than one part, and than a page */
#define LINE_MAX_LEN 512

/* ---- a population ---------------------------------------------------------------------------- */

static const char *const clusters[] = {ALPHA, BETA, WEST};
static const char *const statuses[] = {"RUNNING", "RUNNING", "RUNNING", "PENDING", "stopped"};

/* Spread so that every combination of values occurs, and some values are rare. */
static void spell_fields(int i, char out[LINE_MAX_LEN])
{
    snprintf(out, LINE_MAX_LEN,
             "%s\t" PLACE "container-instance/x/i%d\t" PLACE "task-definition/f%d:%d\t%s\t%s\tby%d",
             clusters[i % 100 == 7 ? 2 : i % 10 == 3], i % 50, i % 7, i % 3, statuses[i % 5],
             i % 500 == 0 ? "STOPPED" : "RUNNING", i % 4000);
}

static int64_t populate(struct store *store)
{
    static struct commit_op ops[COMMIT_OPS_MAX];
    static char keys[COMMIT_OPS_MAX][64];
    static char lines[COMMIT_OPS_MAX][LINE_MAX_LEN];
    int64_t revision = 0;

    for (int i = 0; i < N_TASKS;) {
        size_t n = 0;

        for (; n < COMMIT_OPS_MAX && i < N_TASKS; n++, i++) {
            snprintf(keys[n], sizeof(keys[n]), "t%05d", i * 7919 % N_TASKS);
            spell_fields(i, lines[n]);
            ops[n] = task_op(keys[n], lines[n]);
        }
        revision = put(store, ops, n);
    }
    return revision;
}

/* ---- what a look at everything finds --------------------------------------------------------- */

struct probe {
    const char *name;
    const char *cluster_arn;
    const char *cluster_name;
    const char *status;
    const char *started_by;
    const char *family;
    const char *instance;
    size_t max;
    size_t n_min; /* the population has so many at least, so that the case means something */
};

static const struct probe probes[] = {
    {.name = "everything", .n_min = N_TASKS},
    {.name = "a cluster", .cluster_arn = BETA, .n_min = 500},
    {.name = "clusters of a name", .cluster_name = "alpha", .n_min = 5000},
    {.name = "no cluster", .cluster_name = "gamma"},
    {.name = "a common status", .status = "running", .n_min = 5000},
    {.name = "a status which is stored in lower case", .status = "STOPPED", .n_min = 1000},
    {.name = "a status nobody has", .status = "DEPROVISIONING"},
    {.name = "a rare value", .started_by = "by17", .n_min = 2},
    {.name = "a value nobody has", .started_by = "by"},
    {.name = "a family", .family = "f3", .n_min = 1000},
    {.name = "an instance", .instance = "i49", .n_min = 100},
    {.name = "two values", .status = "RUNNING", .family = "f3", .n_min = 500},
    {.name = "two values which exclude each other", .started_by = "by17", .instance = "i18"},
    {.name = "a value in a cluster", .cluster_arn = ALPHA, .instance = "i1", .n_min = 100},
    {.name = "pages of everything", .max = 1000, .n_min = N_TASKS},
    {.name = "pages as large as a part", .max = 2000, .n_min = N_TASKS},
    {.name = "pages of a cluster", .cluster_arn = BETA, .max = 7, .n_min = 500},
    {.name = "pages of clusters of a name", .cluster_name = "alpha", .max = 999, .n_min = 5000},
    {.name = "pages of a common status", .status = "running", .max = 100, .n_min = 5000},
    {.name = "pages of a family", .family = "f3", .max = 10, .n_min = 1000},
    {.name = "pages of an instance", .instance = "i49", .max = 1, .n_min = 100},
    {.name = "pages of nothing", .started_by = "by", .max = 1},
};

static const char *last_part(const char *text)
{
    const char *slash = strrchr(text, '/');

    return slash ? slash + 1 : text;
}

static bool matches(void *ctx, const struct entity *task)
{
    const struct probe *p = ctx;
    const char *family = last_part(entity_field(task, TASK_DEFINITION));

    return (!p->status || strcasecmp(p->status, entity_field(task, TASK_LAST_STATUS)) == 0) &&
           (!p->started_by || streq(p->started_by, entity_field(task, TASK_STARTED_BY))) &&
           (!p->family || (strncmp(family, p->family, strlen(p->family)) == 0 &&
                           family[strlen(p->family)] == ':')) &&
           (!p->instance || streq(p->instance, last_part(entity_field(task, TASK_INSTANCE))));
}

static bool is_of_cluster(const struct probe *p, const struct entity *task)
{
    const char *cluster = entity_field(task, FIELD_CLUSTER);

    return (!p->cluster_arn || streq(p->cluster_arn, cluster)) &&
           (!p->cluster_name || streq(p->cluster_name, last_part(cluster)));
}

static void add_hint(struct selection *s, enum view_index by, const char *const *value)
{
    if (*value) {
        s->hints[s->n_hints++] = (struct selection_hint){by, value, 1};
    }
}

/* Page after page, each begun behind the last one's end. */
static void select_pages(struct view *view, const struct probe *p, struct entity_list *out)
{
    struct selection s = {.kind = KIND_TASK,
                          .cluster_arn = p->cluster_arn,
                          .cluster_name = p->cluster_name,
                          .matches = matches,
                          .ctx = (void *)(uintptr_t)p,
                          .max = p->max};
    bool more = true;

    add_hint(&s, BY_STATUS, &p->status);
    add_hint(&s, BY_STARTED_BY, &p->started_by);
    add_hint(&s, BY_FAMILY, &p->family);
    add_hint(&s, BY_INSTANCE, &p->instance);
    while (more) {
        AUTO_ENTITY_LIST page = {0};

        view_select(view, &s, &page);
        assert_true(page.revision > 0);
        assert_true(p->max == 0 || page.n <= p->max);
        more = p->max > 0 && page.n == p->max;
        out->items = xreallocarray(out->items, out->n + page.n + 1, sizeof(*out->items));
        for (size_t i = 0; i < page.n; i++) {
            out->items[out->n++] = page.items[i];
        }
        page.n = 0; /* they are out's now */
        if (more) {
            s.after_cluster = entity_field(out->items[out->n - 1], FIELD_CLUSTER);
            s.after_key = out->items[out->n - 1]->key;
        }
    }
}

static void test_selections(void **state)
{
    struct fixture *f = *state;
    int64_t revision = populate(f->store);
    AUTO(view) *view = open_view(f->store, &(struct view_options){0});
    AUTO_ENTITY_LIST all = {0};

    assert_int_equal(view_wait(view, revision, PATIENCE_MS, NULL), 0);
    view_list(view, KIND_TASK, NULL, &all);
    assert_int_equal(all.n, N_TASKS);
    for (size_t p = 0; p < ARRAY_LEN(probes); p++) {
        AUTO_ENTITY_LIST got = {0};
        size_t want = 0;

        select_pages(view, &probes[p], &got);
        for (size_t i = 0; i < all.n; i++) {
            if (!is_of_cluster(&probes[p], all.items[i]) ||
                !matches((void *)(uintptr_t)&probes[p], all.items[i])) {
                continue;
            }
            if (want >= got.n || got.items[want] != all.items[i]) {
                fail_msg("%s: number %zu is not %s", probes[p].name, want, all.items[i]->key);
            }
            want++;
        }
        if (got.n != want || want < probes[p].n_min) {
            fail_msg("%s: %zu found, %zu there", probes[p].name, got.n, want);
        }
    }
}

/* Indexes follow what changes and what goes. */
static void test_values_which_change(void **state)
{
    struct fixture *f = *state;
    AUTO(view) *view = open_view(f->store, &(struct view_options){0});
    struct commit_op op = task_op("t", ALPHA "\tx/i1\tx/f:1\tRUNNING\tRUNNING\tme");

    assert_int_equal(view_wait(view, put(f->store, &op, 1), PATIENCE_MS, NULL), 0);
    assert_int_equal(view_count_by(view, KIND_TASK, ALPHA, BY_STATUS, "running"), 1);
    assert_int_equal(view_count_by(view, KIND_TASK, BETA, BY_STATUS, "running"), 0);
    assert_int_equal(view_count_by(view, KIND_INSTANCE, ALPHA, BY_STATUS, "running"), 0);
    assert_int_equal(view_count_by(view, KIND_INSTANCE, ALPHA, BY_STARTED_BY, "me"), 0);
    op.fields = ALPHA "\tx/i1\tx/f:1\tSTOPPED\tSTOPPED\tme";
    assert_int_equal(view_wait(view, put(f->store, &op, 1), PATIENCE_MS, NULL), 0);
    assert_int_equal(view_count_by(view, KIND_TASK, ALPHA, BY_STATUS, "running"), 0);
    assert_int_equal(view_count_by(view, KIND_TASK, ALPHA, BY_STATUS, "Stopped"), 1);

    AUTO_ENTITY_LIST of_instance = {0};

    view_list_by(view, KIND_TASK, ALPHA, BY_INSTANCE, "i1", &of_instance);
    assert_int_equal(of_instance.n, 1);
    assert_string_equal(of_instance.items[0]->key, "t");
    op.body = NULL;
    assert_int_equal(view_wait(view, put(f->store, &op, 1), PATIENCE_MS, NULL), 0);
    assert_int_equal(view_count(view, KIND_TASK, ALPHA), 0);
    assert_int_equal(view_count_by(view, KIND_TASK, ALPHA, BY_STATUS, "STOPPED"), 0);
}

/* ---- under change ---------------------------------------------------------------------------- */

struct storm {
    struct store *store;
    atomic_bool over;
};

/* Tasks come, change and go between those which stay. */
static void *disturb(void *ctx)
{
    struct storm *storm = ctx;

    for (int round = 0; !atomic_load(&storm->over); round++) {
        static const char *const keys[] = {"t00000x", "t03000x", "t06000x", "t08999x"};
        struct commit_op ops[ARRAY_LEN(keys)];

        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            ops[k] = task_op(keys[k], round % 2 ? ALPHA "\tx/i1\tx/f1:1\tRUNNING" : BETA);
            ops[k].body = round % 3 ? ops[k].body : NULL;
        }
        put(storm->store, ops, ARRAY_LEN(ops));
    }
    return NULL;
}

static void test_what_stays_is_selected_once(void **state)
{
    struct fixture *f = *state;
    struct probe by_pages = {.max = 500};
    struct probe by_value = {.status = "RUNNING", .max = 50};
    struct storm storm = {.store = f->store};
    pthread_t thread;

    populate(f->store);
    AUTO(view) *view = open_view(f->store, &(struct view_options){0});

    assert_int_equal(pthread_create(&thread, NULL, disturb, &storm), 0);
    for (int round = 0; round < 10; round++) {
        struct probe *p = round % 2 ? &by_pages : &by_value;
        AUTO_ENTITY_LIST got = {0};
        size_t n = 0;

        select_pages(view, p, &got);
        for (size_t i = 0; i < got.n; i++) {
            n += strlen(got.items[i]->key) == strlen("t00000");
            if (i > 0 && streq(entity_field(got.items[i - 1], 0), entity_field(got.items[i], 0))) {
                assert_true(strcmp(got.items[i - 1]->key, got.items[i]->key) < 0);
            }
        }
        assert_int_equal(n, p->status ? N_TASKS / 5 * 3 : N_TASKS);
    }
    atomic_store(&storm.over, true);
    pthread_join(thread, NULL);
}

/* ---- what changed ---------------------------------------------------------------------------- */

static struct view_stamp stamp(struct view *view, const char *arn, const char *name)
{
    return view_stamp(view, VIEW_KIND(KIND_TASK), arn, name);
}

static void test_stamps(void **state)
{
    struct fixture *f = *state;
    struct commit_op op = task_op("t", ALPHA);
    int64_t first = put(f->store, &op, 1);

    op = task_op("u", WEST);
    int64_t second = put(f->store, &op, 1);

    op = task_op("v", BETA);
    int64_t third = put(f->store, &op, 1);

    op = (struct commit_op){.kind = KIND_INSTANCE,
                            .key = "i",
                            .version = "1",
                            .fields = BETA,
                            .body = "{}",
                            .raw = "{}"};
    int64_t fourth = put(f->store, &op, 1);
    AUTO(view) *view = open_view(f->store, &(struct view_options){0});

    assert_int_equal(stamp(view, ALPHA, NULL).changed, first);
    assert_int_equal(stamp(view, NULL, "alpha").changed, second);
    assert_int_equal(stamp(view, NULL, "beta").changed, third);
    assert_int_equal(stamp(view, NULL, NULL).changed, third);
    assert_int_equal(stamp(view, NULL, "gamma").changed, 0);
    assert_int_equal(
        view_stamp(view, VIEW_KIND(KIND_TASK) | VIEW_KIND(KIND_INSTANCE), BETA, NULL).changed,
        fourth);
    assert_true(stamp(view, NULL, NULL).epoch > 0);
}

static void add_name(void *ctx, const char *cluster_arn)
{
    strcat(ctx, last_part(cluster_arn));
    strcat(ctx, " ");
}

/* A cluster is known by its record, or by what is in it; an event is remembered also by a process
 * which was not there. */
static void test_clusters(void **state)
{
    struct fixture *f = *state;
    const struct commit_op ops[] = {
        task_op("t", BETA),
        {.kind = KIND_CLUSTER, .key = ALPHA, .version = "0", .fields = ALPHA, .body = "{}"},
        {.kind = KIND_INSTANCE,
         .key = "i",
         .version = "1",
         .fields = PLACE "cluster/gamma",
         .body = "{}",
         .raw = "{}"},
    };
    AUTO(view) *early = open_view(f->store, &(struct view_options){0});
    struct commit by_drift = {.cause = "drift", .ops = &ops[1], .n_ops = 1};
    struct commit_result result = {0};
    struct error err = {0};
    int64_t revision = put(f->store, ops, 1);

    commit_id_make(by_drift.id);
    assert_ok(store_commit(f->store, &by_drift, &result, &err), &err);
    revision = put(f->store, &ops[2], 1);
    AUTO(view) *late = open_view(f->store, &(struct view_options){0});

    assert_int_equal(view_wait(early, revision, PATIENCE_MS, NULL), 0);
    for (struct view *view = early; view; view = view == early ? late : NULL) {
        char names[64] = "";
        int64_t age_ms = clock_wall_ms() - view_heard_ms(view, BETA);

        view_clusters(view, add_name, names);
        assert_string_equal(names, "alpha beta gamma ");
        assert_true(age_ms >= 0 && age_ms < PATIENCE_MS);
        assert_int_equal(view_heard_ms(view, ALPHA), 0); /* drift is no event */
        assert_int_equal(view_heard_ms(view, PLACE "cluster/delta"), 0);
    }
    assert_int_equal(view_heard_ms(early, BETA), view_heard_ms(late, BETA));
}

static void test_the_page_key_is_one(void **state)
{
    struct fixture *f = *state;
    char one[PAGE_KEY_HEX_LEN];
    char other[PAGE_KEY_HEX_LEN];
    AUTO(view) *first = open_view(f->store, &(struct view_options){0});
    AUTO(view) *second = open_view(f->store, &(struct view_options){0});

    view_page_key(first, one);
    view_page_key(second, other);
    assert_int_equal(strlen(one), PAGE_KEY_HEX_LEN - 1);
    assert_string_equal(one, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_selections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_which_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_stays_is_selected_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stamps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clusters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_page_key_is_one, set_up, tear_down),
    };

    if (skip_without_server()) {
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
