/* Changes as streams show them, and the ring which keeps the last ones. */
#include "test.h"

#include "api/ring.h"
#include "api/watch.h"
#include "util/mem.h"

#define HEAD(revision) #revision " 1 0 00000000000000000000000000000000\n"
#define FIELDS(status)                                                                             \
    "arn:aws:ecs:us-east-1:123456789012:cluster/prod\ti\td\t" status "\tRUNNING\tme"

/* An entry owns its texts; these are only borrowed. */
static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

static struct transition *change_to(int64_t revision, const char *value, const char *old_fields,
                                    bool deleted)
{
    const struct log_entry entry = {.revision = revision,
                                    .kind = KIND_TASK,
                                    .key = lent("t"),
                                    .value = lent(value),
                                    .value_len = strlen(value),
                                    .old_fields = lent(old_fields),
                                    .deleted = deleted,
                                    .cause = lent("drift")};

    return transition_new(&entry);
}

static struct watch *watch_of(const char *text, bool deletes)
{
    struct query query;
    struct watch *watch = NULL;

    AUTO_STRBUF wrong = {0};

    assert_true(query_parse(text, &query));
    assert_true(watch_parse(&task_filters, &query, deletes, &watch, &wrong));
    query_clear(&query);
    return watch;
}

/* ---- lines ----------------------------------------------------------------------------------- */

#define SHOWN(more)     "{\"entity\":{\"a\":1},\"metadata\":{\"entityVersion\":\"7\"}" more "}\n"
#define DELETED(reason) SHOWN(",\"deleted\":true,\"reason\":\"" reason "\"")

static const struct {
    const char *name;
    const char *query;
    bool deletes;
    const char *status; /* as it is now, or was last */
    const char *old_status;
    bool deleted;
    const char *want; /* "" : nothing */
} cases[] = {
    {"every change", "", false, "RUNNING", NULL, false, SHOWN("")},
    {"what matches", "status=running", false, "RUNNING", "PENDING", false, SHOWN("")},
    {"not what does not", "status=running", false, "STOPPED", "STOPPING", false, ""},
    {"nor what leaves", "status=running", false, "STOPPED", "RUNNING", false, ""},
    {"what leaves, when asked for", "status=running", true, "STOPPED", "RUNNING", false,
     DELETED("unmatched")},
    {"what was never in does not leave", "status=running", true, "STOPPED", "STOPPING", false, ""},
    {"nor what is seen first", "status=running", true, "STOPPED", NULL, false, ""},
    {"what enters is no delete", "status=running", true, "RUNNING", "PENDING", false, SHOWN("")},
    {"no delete", "", false, "RUNNING", NULL, true, ""},
    {"a delete, when asked for", "", true, "RUNNING", NULL, true, DELETED("drift")},
    {"a delete of what matched", "status=running", true, "RUNNING", NULL, true, DELETED("drift")},
    {"no delete of what did not", "status=stopped", true, "RUNNING", NULL, true, ""},
    {"other parameters are not filters", "after=7&x=y&status=", false, "RUNNING", NULL, false,
     SHOWN("")},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        AUTO(watch) *watch = watch_of(cases[c].query, cases[c].deletes);
        AUTO_CHAR *value = xasprintf(HEAD(6) FIELDS("%s") "\n{\"a\":1}", cases[c].status);
        AUTO_CHAR *old = cases[c].old_status ? xasprintf(FIELDS("%s"), cases[c].old_status) : NULL;
        AUTO(transition) *transition = change_to(7, value, old, cases[c].deleted);
        struct iovec line = {lent(""), 0};

        assert_non_null(transition);
        watch_line(watch, transition, &line);
        AUTO_CHAR *got = xmemdup0(line.iov_base, line.iov_len);

        if (!streq(got, cases[c].want)) {
            fail_msg("%s: want %s, got %s", cases[c].name, cases[c].want, got);
        }
    }
}

static void test_what_no_stream_shows(void **state)
{
    struct log_entry entry = {
        .revision = 1, .kind = KIND_PLACEMENT, .value = lent(HEAD(1) "f\n{}")};

    (void)state;
    entry.value_len = strlen(entry.value);
    assert_null(transition_new(&entry));
    entry.kind = KIND_TASK;
    entry.epoch = true;
    assert_null(transition_new(&entry));
    assert_null(change_to(1, "", NULL, false));
    assert_null(change_to(1, "no value of ours", NULL, false));
    assert_null(change_to(1, HEAD(1) "fields\n", NULL, true));
}

static void test_equal_wishes_share_a_name(void **state)
{
    AUTO(watch) *one = watch_of("status=running&after=5&cluster=prod", false);
    AUTO(watch) *same = watch_of("heartbeat=1&status=running&cluster=prod", false);
    AUTO(watch) *deletes = watch_of("status=running&cluster=prod", true);
    AUTO(watch) *other = watch_of("startedBy=a+1:b%3D1:c", false);
    AUTO(watch) *forged = watch_of("startedBy=a", false);

    (void)state;
    assert_string_equal(one->name, same->name);
    assert_string_not_equal(one->name, deletes->name);
    assert_string_not_equal(other->name, forged->name);
}

/* ---- the ring -------------------------------------------------------------------------------- */

static struct transition *numbered(int64_t revision)
{
    return change_to(revision, HEAD(1) FIELDS("RUNNING") "\n{}", NULL, false);
}

static void test_the_ring_forgets_the_oldest(void **state)
{
    AUTO(transition) *one = numbered(14000); /* as long as those which stay */
    struct ring ring;

    (void)state;
    ring_init(&ring, 3000 * one->size);
    ring_reset(&ring, 0);
    for (int64_t revision = 2; revision <= 20000; revision += 2) {
        ring_add(&ring, numbered(revision));
        assert_int_equal(ring_at(&ring, ring.n - 1)->revision, revision);
    }
    assert_int_equal(ring.n, 3000);
    assert_int_equal(ring_at(&ring, 0)->revision, 14002);
    assert_int_equal(ring.base, 14000);
    assert_int_equal(ring_find(&ring, 14000), 0);
    assert_int_equal(ring_find(&ring, 14002), 1);
    assert_int_equal(ring_find(&ring, 14003), 1);
    assert_int_equal(ring_find(&ring, 20000), 3000);
    ring_reset(&ring, 50000);
    assert_int_equal(ring.n, 0);
    assert_int_equal(ring.base, 50000);
    ring_clear(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_what_no_stream_shows),
        cmocka_unit_test(test_equal_wishes_share_a_name),
        cmocka_unit_test(test_the_ring_forgets_the_oldest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
