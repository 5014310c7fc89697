/* The filters of lists: which are refused and what they let through. */
#include "test.h"

#include "api/filters.h"

#define UNSUPPORTED "At least one of the filters provided is unsupported"
#define REPEATED    "At least one of the filters provided is specified multiple times"
#define STATUS      "Invalid status"
#define CLUSTER     "Invalid cluster ARN or name"
#define EAST        "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
#define WEST        "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
#define OTHER       "arn:aws:ecs:us-east-1:123456789012:cluster/other"

static const struct {
    const char *name;
    const struct filter_rules *rules;
    const char *query;
    const char *want; /* the 400, or which of the entities below are let through */
} cases[] = {
    {"none", &task_filters, "", "abc"},
    {"empty ones are none", &task_filters, "status=&cluster&startedBy=", "abc"},
    {"status", &task_filters, "status=running", "ab"},
    {"status in any case", &task_filters, "status=RuNNing", "ab"},
    {"a status added later", &task_filters, "status=stopping", ""},
    {"cluster by name, in all regions", &task_filters, "cluster=prod", "ab"},
    {"cluster by ARN, in that region", &task_filters, "cluster=" EAST, "a"},
    {"an unknown cluster", &task_filters, "cluster=someCluster", ""},
    {"startedBy", &task_filters, "startedBy=me", "ac"},
    {"startedBy in its case", &task_filters, "startedBy=Me", ""},
    {"all of them", &task_filters, "status=stopped&cluster=other&startedBy=me", "c"},
    {"an unknown filter", &task_filters, "status=nonsense&family=x", UNSUPPORTED},
    {"names in their case", &task_filters, "Status=running", UNSUPPORTED},
    {"twice", &task_filters, "cluster=prod&cluster=prod&status=nonsense", REPEATED},
    {"twice empty", &task_filters, "cluster&cluster", REPEATED},
    {"an unknown status first", &task_filters, "status=nonsense&cluster=a/b", STATUS},
    {"no task drains", &task_filters, "status=draining", STATUS},
    {"neither name nor ARN", &task_filters, "cluster=cluster/cluster", CLUSTER},
    {"a name of one letter", &task_filters, "cluster=a", CLUSTER},
    {"a task's ARN", &task_filters, "cluster=arn:aws:ecs:us-east-1:123456789012:task/x", CLUSTER},

    {"instances have no startedBy", &instance_filters, "startedBy=me", UNSUPPORTED},
    {"instance status", &instance_filters, "status=ACTIVE", "x"},
    {"draining instances", &instance_filters, "status=draining", "y"},
    {"instances do not run", &instance_filters, "status=running", STATUS},
    {"instances by cluster", &instance_filters, "cluster=prod", "xy"},
};

static const struct entity tasks[] = {
    {.key = "a",
     .fields = {[TASK_CLUSTER] = EAST, [TASK_LAST_STATUS] = "RUNNING", [TASK_STARTED_BY] = "me"}},
    {.key = "b",
     .fields = {[TASK_CLUSTER] = WEST, [TASK_LAST_STATUS] = "RUNNING", [TASK_STARTED_BY] = "you"}},
    {.key = "c",
     .fields = {[TASK_CLUSTER] = OTHER, [TASK_LAST_STATUS] = "STOPPED", [TASK_STARTED_BY] = "me"}},
};
static const struct entity instances[] = {
    {.key = "x", .fields = {[INSTANCE_CLUSTER] = EAST, [INSTANCE_STATUS] = "ACTIVE"}},
    {.key = "y", .fields = {[INSTANCE_CLUSTER] = WEST, [INSTANCE_STATUS] = "DRAINING"}},
};

static void list_matching(const struct filter_rules *rules, const struct filters *filters,
                          struct strbuf *out)
{
    const struct entity *all = rules == &task_filters ? tasks : instances;
    size_t n = rules == &task_filters ? ARRAY_LEN(tasks) : ARRAY_LEN(instances);

    strbuf_add_text(out, "");
    for (size_t i = 0; i < n; i++) {
        if (filters_match(rules, filters, &all[i])) {
            strbuf_add_text(out, all[i].key);
        }
    }
}

static void test_filters(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct query query;
        struct filters filters;
        AUTO_STRBUF got = {0};

        assert_true(query_parse(cases[c].query, &query));
        const char *wrong = filters_parse(cases[c].rules, &query, &filters);

        if (wrong) {
            strbuf_add_text(&got, wrong);
        } else {
            list_matching(cases[c].rules, &filters, &got);
        }
        if (!streq(got.text, cases[c].want)) {
            fail_msg("%s: want \"%s\", got \"%s\"", cases[c].name, cases[c].want, got.text);
        }
        query_clear(&query);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_filters)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
