/* The filters of lists: which are refused and what they let through. */
#include "test.h"

#include "api/filters.h"

#define STATUS         "Invalid status"
#define CLUSTER        "Invalid cluster ARN or name"
#define DESIRED        "Invalid desiredStatus"
#define FAMILY         "Invalid family"
#define DEFINITION     "Invalid taskDefinition: want family:revision or an ARN"
#define INSTANCE       "Invalid containerInstance: want an ARN or an id"
#define EC2_ID         "Invalid ec2InstanceId"
#define EAST           "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
#define WEST           "arn:aws:ecs:us-west-2:123456789012:cluster/prod"
#define DEFINITION_ARN "arn:aws:ecs:us-east-1:123456789012:task-definition/"
#define INSTANCE_ARN   "arn:aws:ecs:us-east-1:123456789012:container-instance/"
#define OTHER          "arn:aws:ecs:us-east-1:123456789012:cluster/other"

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
    {"an unknown status first", &task_filters, "status=nonsense&cluster=a/b", STATUS},
    {"no task drains", &task_filters, "status=draining", STATUS},
    {"neither name nor ARN", &task_filters, "cluster=cluster/cluster", CLUSTER},
    {"a name of one letter", &task_filters, "cluster=a", CLUSTER},
    {"a task's ARN", &task_filters, "cluster=arn:aws:ecs:us-east-1:123456789012:task/x", CLUSTER},

    {"desired status in any case", &task_filters, "desiredStatus=Stopped", "bc"},
    {"a desired status no task can have", &task_filters, "desiredStatus=active", DESIRED},
    {"family", &task_filters, "family=web", "ab"},
    {"no part of a family", &task_filters, "family=we", ""},
    {"a family has no colon", &task_filters, "family=web:1", FAMILY},
    {"a definition", &task_filters, "taskDefinition=web:1", "a"},
    {"a definition's ARN", &task_filters, "taskDefinition=" DEFINITION_ARN "web:2", "b"},
    {"the ARN of another account", &task_filters,
     "taskDefinition=arn:aws:ecs:us-east-1:999999999999:task-definition/web:1", ""},
    {"a definition without a revision", &task_filters, "taskDefinition=web", DEFINITION},
    {"a revision that is no number", &task_filters, "taskDefinition=web:x", DEFINITION},
    {"a huge revision", &task_filters, "taskDefinition=web:12345678901", DEFINITION},
    {"a path for a definition", &task_filters, "taskDefinition=a/web:1", DEFINITION},
    {"an instance by id", &task_filters, "containerInstance=i1", "ab"},
    {"an instance by ARN", &task_filters, "containerInstance=" INSTANCE_ARN "prod/i1", "a"},
    {"an instance's ARN in the old form is another text", &task_filters,
     "containerInstance=" INSTANCE_ARN "i1", "b"},
    {"a path for an instance", &task_filters, "containerInstance=prod/i1", INSTANCE},
    {"an EC2 id is looked up elsewhere", &task_filters, "ec2InstanceId=i-1", "abc"},
    {"an EC2 id with a space", &task_filters, "ec2InstanceId=i-1+2", EC2_ID},
    {"all of the new ones", &task_filters,
     "desiredStatus=running&family=web&taskDefinition=web:1&containerInstance=i1", "a"},
    {"a query is answered elsewhere", &task_filters, "query=agentConnected==true", "abc"},
    {"a query's fault", &task_filters, "query=agentConnected",
     "Invalid query: column 15: want an operator after \"agentConnected\"\n"
     "agentConnected\n              ^"},
    {"the first fault counts", &task_filters, "query=nonsense&status=nonsense", STATUS},

    {"instances look at no startedBy", &instance_filters, "startedBy=me", "xy"},
    {"an instance by its EC2 id", &instance_filters, "ec2InstanceId=i-2", "y"},
    {"instance status", &instance_filters, "status=ACTIVE", "x"},
    {"draining instances", &instance_filters, "status=draining", "y"},
    {"instances do not run", &instance_filters, "status=running", STATUS},
    {"instances by cluster", &instance_filters, "cluster=prod", "xy"},
};

static const struct entity tasks[] = {
    {.key = "a",
     .fields = {[TASK_CLUSTER] = EAST,
                [TASK_LAST_STATUS] = "RUNNING",
                [TASK_DESIRED_STATUS] = "RUNNING",
                [TASK_STARTED_BY] = "me",
                [TASK_DEFINITION] = DEFINITION_ARN "web:1",
                [TASK_INSTANCE] = INSTANCE_ARN "prod/i1"}},
    {.key = "b",
     .fields = {[TASK_CLUSTER] = WEST,
                [TASK_LAST_STATUS] = "RUNNING",
                [TASK_DESIRED_STATUS] = "STOPPED",
                [TASK_STARTED_BY] = "you",
                [TASK_DEFINITION] = DEFINITION_ARN "web:2",
                [TASK_INSTANCE] = INSTANCE_ARN "i1"}},
    {.key = "c",
     .fields = {[TASK_CLUSTER] = OTHER,
                [TASK_LAST_STATUS] = "STOPPED",
                [TASK_DESIRED_STATUS] = "STOPPED",
                [TASK_STARTED_BY] = "me",
                [TASK_DEFINITION] = DEFINITION_ARN "batch:1",
                [TASK_INSTANCE] = ""}},
};
static const struct entity instances[] = {
    {.key = "x",
     .fields =
         {[INSTANCE_CLUSTER] = EAST, [INSTANCE_STATUS] = "ACTIVE", [INSTANCE_EC2_ID] = "i-1"}},
    {.key = "y",
     .fields =
         {[INSTANCE_CLUSTER] = WEST, [INSTANCE_STATUS] = "DRAINING", [INSTANCE_EC2_ID] = "i-2"}},
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
        AUTO_FILTERS filters = {0};
        AUTO_STRBUF got = {0};

        assert_true(query_parse(cases[c].query, &query));
        if (filters_parse(cases[c].rules, &query, &filters, &got)) {
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
