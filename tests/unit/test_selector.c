/*
 * The cluster query language, told by the files of tests/vectors/selectors. Each has instances by
 * name, and cases: an expression and either the instances it matches, or the error and the caret.
 */
#include "vectors.h"

#include <pthread.h>

#include "plan/selector.h"
#include "util/clock.h"
#include "util/js.h"

#define FILES_MIN      8
#define MEMBERS_MAX    16 /* attributes or task groups of an instance of the vectors */
#define THREADS        4
#define EVALUATIONS    2000
#define ATTRIBUTE_TEST "attribute:a exists"

/* ---- vectors --------------------------------------------------------------------------------- */

struct instance {
    struct selector_subject subject;
    struct selector_attribute attributes[MEMBERS_MAX];
    const char *task_groups[MEMBERS_MAX];
};

static void read_instance(const json_t *from, struct instance *out)
{
    const char *key = NULL;
    json_t *value = NULL;
    size_t i = 0;
    struct selector_subject *subject = &out->subject;
    const char *registered_at = json_string_value(json_object_get(from, "registeredAt"));

    json_object_foreach(json_object_get(from, "attributes"), key, value)
    {
        assert_in_range(subject->n_attributes, 0, MEMBERS_MAX - 1);
        out->attributes[subject->n_attributes++] =
            (struct selector_attribute){key, json_string_value(value)};
    }
    json_array_foreach(json_object_get(from, "taskGroups"), i, value)
    {
        assert_in_range(subject->n_task_groups, 0, MEMBERS_MAX - 1);
        out->task_groups[subject->n_task_groups++] = json_string_value(value);
    }
    subject->attributes = out->attributes;
    subject->task_groups = out->task_groups;
    subject->agent_connected = json_is_true(json_object_get(from, "agentConnected"));
    subject->agent_version = json_string_value(json_object_get(from, "agentVersion"));
    subject->ec2_instance_id = json_string_value(json_object_get(from, "ec2InstanceId"));
    subject->running_tasks_count = json_integer_value(json_object_get(from, "runningTasksCount"));
    if (registered_at) {
        assert_true(clock_parse_iso(registered_at, &subject->registered_at_ms));
    }
}

static void check_text(const char *name, const char *expression, const char *what, const char *want,
                       const char *got)
{
    if (!want || !got || !streq(want, got)) {
        fail_msg("%s: %s: %s: want\n%s\ngot\n%s", name, expression, what, want ? want : "(none)",
                 got ? got : "(none)");
    }
}

/* A list of texts as one text. */
static char *joined(const json_t *list, const char *between)
{
    AUTO_STRBUF out = {0};
    json_t *item = NULL;
    size_t i = 0;

    json_array_foreach(list, i, item)
    {
        strbuf_addf(&out, "%s%s", i > 0 ? between : "", json_string_value(item));
    }
    return strbuf_take(&out);
}

static void check_matches(const char *name, const char *expression, const json_t *instances,
                          const json_t *matches)
{
    struct error err = {0};
    AUTO(selector) *selector = selector_parse(expression, &err);
    AUTO_CHAR *want = joined(matches, " ");
    AUTO_STRBUF got = {0};
    AUTO_STRBUF caret = {0};
    const char *key = NULL;
    json_t *value = NULL;

    if (!selector) {
        fail_msg("%s: %s: %s", name, expression, err.text);
    }
    json_object_foreach((json_t *)(uintptr_t)instances, key, value)
    {
        struct instance instance = {0};

        read_instance(value, &instance);
        if (selector_matches(selector, &instance.subject)) {
            strbuf_addf(&got, "%s%s", got.len > 0 ? " " : "", key);
        }
    }
    check_text(name, expression, "matches", want, got.text ? got.text : "");
    selector_caret(expression, &caret);
    assert_int_equal(caret.len, 0);
}

static void check_error(const char *name, const char *expression, const json_t *one)
{
    struct error err = {0};
    AUTO(selector) *selector = selector_parse(expression, &err);
    AUTO_CHAR *want = joined(json_object_get(one, "caret"), "\n");
    AUTO_STRBUF caret = {0};

    if (selector) {
        fail_msg("%s: %s: want an error", name, expression);
    }
    assert_int_equal(err.code, ERR_INVALID);
    check_text(name, expression, "error", json_string_value(json_object_get(one, "error")),
               err.text);
    selector_caret(expression, &caret);
    check_text(name, expression, "caret", want, caret.text);
}

static void check_file(const char *name)
{
    AUTO_CHAR *text = vector_read(".", "selectors", name);
    struct error err = {0};
    json_auto_t *file = js_parse(text, strlen(text), &err);
    json_t *one = NULL;
    size_t i = 0;

    if (!file || json_array_size(json_object_get(file, "cases")) == 0) {
        fail_msg("%s: %s", name, file ? "no cases" : err.text);
    }
    json_array_foreach(json_object_get(file, "cases"), i, one)
    {
        const char *expression = json_string_value(json_object_get(one, "expression"));
        json_t *matches = json_object_get(one, "matches");

        if (matches) {
            check_matches(name, expression, json_object_get(file, "instances"), matches);
        } else {
            check_error(name, expression, one);
        }
    }
}

static void test_vectors(void **state)
{
    (void)state;
    assert_in_range(vector_each("selectors", check_file), FILES_MIN, SIZE_MAX);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void expect_fault(const char *expression, const char *want)
{
    struct error err = {0};
    AUTO(selector) *selector = selector_parse(expression, &err);

    assert_null(selector);
    assert_string_equal(err.text, want);
}

static void expect_fine(const char *expression)
{
    struct error err = {0};
    AUTO(selector) *selector = selector_parse(expression, &err);

    if (!selector) {
        fail_msg("%s", err.text);
    }
}

/* `begin`, then `piece` n times, then `end`. */
static char *repeated(const char *begin, const char *piece, size_t n, const char *end)
{
    AUTO_STRBUF out = {0};

    strbuf_add_text(&out, begin);
    for (size_t i = 0; i < n; i++) {
        strbuf_add_text(&out, piece);
    }
    strbuf_add_text(&out, end);
    return strbuf_take(&out);
}

static void test_length(void **state)
{
    AUTO_CHAR *fits = repeated(ATTRIBUTE_TEST, " ", SELECTOR_LEN_MAX - strlen(ATTRIBUTE_TEST), "");
    AUTO_CHAR *longer =
        repeated(ATTRIBUTE_TEST, " ", SELECTOR_LEN_MAX + 1 - strlen(ATTRIBUTE_TEST), "");
    AUTO_CHAR *huge = repeated("", "\xc3\xa9", 100000, "");
    AUTO_STRBUF caret = {0};

    (void)state;
    expect_fine(fits);
    expect_fault(longer, "column 2001: an expression has at most 2000 bytes");
    expect_fault(huge, "column 1001: an expression has at most 2000 bytes");
    selector_caret(huge, &caret); /* which repeats no more than what is allowed */
    assert_int_equal(caret.len, SELECTOR_LEN_MAX + 1 + SELECTOR_LEN_MAX / 2 + 1);
}

static void test_depth(void **state)
{
    AUTO_CHAR *open = repeated("", "(", SELECTOR_DEPTH_MAX, ATTRIBUTE_TEST);
    AUTO_CHAR *fits = repeated(open, ")", SELECTOR_DEPTH_MAX, "");
    AUTO_CHAR *deeper = repeated("", "(", SELECTOR_LEN_MAX, "");
    AUTO_CHAR *nots = repeated("", "not ", SELECTOR_DEPTH_MAX, ATTRIBUTE_TEST);
    AUTO_CHAR *more_nots = repeated("", "!", SELECTOR_DEPTH_MAX + 1, ATTRIBUTE_TEST);
    AUTO_CHAR *side_by_side =
        repeated(ATTRIBUTE_TEST, " and !(" ATTRIBUTE_TEST ")", SELECTOR_DEPTH_MAX + 1, "");

    (void)state;
    expect_fine(fits);
    expect_fine(nots);
    expect_fine(side_by_side);
    expect_fault(deeper, "column 33: nested deeper than 32");
    expect_fault(more_nots, "column 33: nested deeper than 32");
}

static void test_list_length(void **state)
{
    AUTO_CHAR *fits = repeated("attribute:a in [", "x,", SELECTOR_LIST_MAX - 1, "x]");
    AUTO_CHAR *longer = repeated("attribute:a in [", "x,", SELECTOR_LIST_MAX, "x]");

    (void)state;
    expect_fine(fits);
    expect_fault(longer, "column 529: a list has at most 256 values");
}

static void test_pattern_number(void **state)
{
    AUTO_CHAR *fits = repeated("", "attribute:a =~ x or ", SELECTOR_PATTERNS_MAX, ATTRIBUTE_TEST);
    AUTO_CHAR *more =
        repeated("", "attribute:a =~ x or ", SELECTOR_PATTERNS_MAX + 1, ATTRIBUTE_TEST);

    (void)state;
    expect_fine(fits);
    expect_fault(more, "column 176: an expression has at most 8 patterns");
}

static void test_broken_utf8(void **state)
{
    AUTO_STRBUF caret = {0};

    (void)state;
    expect_fault("attribute:\xc3\xa9\xff exists", "column 12: not UTF-8");
    expect_fault("attribute:a\xc3", "column 12: not UTF-8");
    selector_caret("attribute:\xc3\xa9\xff exists", &caret);
    assert_string_equal(caret.text, "attribute:\xc3\xa9\xef\xbf\xbd exists\n           ^");
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void test_reads_tasks(void **state)
{
    static const struct {
        const char *expression;
        bool reads;
    } cases[] = {
        {"attribute:a exists and agentVersion > 1.0.0", false},
        {"attribute:a exists or not task:group == a", true},
        {"runningTasksCount < 1 and attribute:a exists", true},
        {"attribute:task:group == runningTasksCount", false},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        AUTO(selector) *selector = selector_parse(cases[c].expression, NULL);

        assert_non_null(selector);
        assert_int_equal(selector_reads_tasks(selector), cases[c].reads);
    }
}

/* Half of the threads ask about one instance, half about another; patterns of both outcomes. */
static const struct selector *shared;

static void *ask(void *about)
{
    const char *zone = about;
    const struct selector_attribute attribute = {"zone", zone};
    const struct selector_subject subject = {.attributes = &attribute, .n_attributes = 1};
    size_t right = 0;

    for (size_t i = 0; i < EVALUATIONS; i++) {
        right += selector_matches(shared, &subject) == streq(zone, "us-east-1a");
    }
    return (void *)(uintptr_t)right;
}

static void test_many_threads_share_one(void **state)
{
    AUTO(selector) *selector =
        selector_parse("attribute:zone =~ '(us|eu)-(.*)-1[ab]' and attribute:zone !~ .*b", NULL);
    static char zones[][16] = {"us-east-1a", "us-east-1b"};
    pthread_t threads[THREADS];

    (void)state;
    shared = selector;
    for (size_t t = 0; t < THREADS; t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, ask, zones[t % 2]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        void *right = NULL;

        assert_int_equal(pthread_join(threads[t], &right), 0);
        assert_int_equal((uintptr_t)right, EVALUATIONS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),        cmocka_unit_test(test_length),
        cmocka_unit_test(test_depth),          cmocka_unit_test(test_list_length),
        cmocka_unit_test(test_pattern_number), cmocka_unit_test(test_broken_utf8),
        cmocka_unit_test(test_reads_tasks),    cmocka_unit_test(test_many_threads_share_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
