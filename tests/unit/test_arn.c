/* Which texts are ARNs, and what their parts are. */
#include "test.h"

#include "model/arn.h"

#define PLACE "arn:aws:ecs:us-east-1:123456789012:"
#define ID    "0f2c8e3a-55aa-4f5b-8e2f-3a6d1c2b4e5f"

static const struct {
    const char *name;
    const char *text;
    enum arn_kind kind;
    bool valid;
    const char *cluster; /* of a valid one; NULL: it names none */
} cases[] = {
    {"a cluster", PLACE "cluster/default", ARN_CLUSTER, true, "default"},
    {"an old task", PLACE "task/" ID, ARN_TASK, true, NULL},
    {"a long task", PLACE "task/prod/" ID, ARN_TASK, true, "prod"},
    {"an old instance", PLACE "container-instance/" ID, ARN_INSTANCE, true, NULL},
    {"a long instance", PLACE "container-instance/prod/" ID, ARN_INSTANCE, true, "prod"},
    {"China", "arn:aws-cn:ecs:cn-north-1:123456789012:task/a", ARN_TASK, true, NULL},
    {"the other government", "arn:aws-us-gov:ecs:us-gov-west-1:123456789012:cluster/ab",
     ARN_CLUSTER, true, "ab"},
    {"regions are words", "arn:aws:ecs:my_region:123456789012:task/x_-9", ARN_TASK, true, NULL},
    {"a task is no instance", PLACE "task/" ID, ARN_INSTANCE, false, NULL},
    {"an instance is no task", PLACE "container-instance/" ID, ARN_TASK, false, NULL},
    {"another service", "arn:aws:ec2:us-east-1:123456789012:task/a", ARN_TASK, false, NULL},
    {"another world", "arn:azure:ecs:us-east-1:123456789012:task/a", ARN_TASK, false, NULL},
    {"capitals in the partition", "arn:awsX:ecs:us-east-1:123456789012:task/a", ARN_TASK, false,
     NULL},
    {"no region", "arn:aws:ecs::123456789012:task/a", ARN_TASK, false, NULL},
    {"11 digits", "arn:aws:ecs:us-east-1:12345678901:task/a", ARN_TASK, false, NULL},
    {"13 digits", "arn:aws:ecs:us-east-1:1234567890123:task/a", ARN_TASK, false, NULL},
    {"no id", PLACE "task/", ARN_TASK, false, NULL},
    {"a cluster but no id", PLACE "task/prod/", ARN_TASK, false, NULL},
    {"too many parts", PLACE "task/prod/a/b", ARN_TASK, false, NULL},
    {"a slash too many", PLACE "task//a", ARN_TASK, false, NULL},
    {"a cluster which begins with a digit", PLACE "task/1prod/a", ARN_TASK, true, "1prod"},
    {"a newline behind it", PLACE "task/" ID "\n", ARN_TASK, false, NULL},
    {"a blank in the id", PLACE "task/a b", ARN_TASK, false, NULL},
    {"a cluster with a slash", PLACE "cluster/a/b", ARN_CLUSTER, false, NULL},
    {"a cluster of one letter", PLACE "cluster/a", ARN_CLUSTER, true, "a"},
    {"a cluster without a name", PLACE "cluster/", ARN_CLUSTER, false, NULL},
    {"nothing", "", ARN_TASK, false, NULL},
    {"half of it", "arn:aws:ecs:us-ea", ARN_TASK, false, NULL},
};

static void test_id(void **state)
{
    (void)state;
    assert_true(arn_id_is_valid(ID));
    assert_true(arn_id_is_valid("0f2c8e3a55aa4f5b8e2f3a6d1c2b4e5f"));
    assert_false(arn_id_is_valid("0f2c8e3a55aa4f5b8e2f3a6d1c2b4e5"));
    assert_false(arn_id_is_valid(ID "0"));
    assert_false(arn_id_is_valid(""));
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct arn arn = {0};

        if (arn_parse(cases[c].text, cases[c].kind, &arn) != cases[c].valid) {
            fail_msg("%s: want it to be %s", cases[c].name, cases[c].valid ? "valid" : "invalid");
        }
        if (cases[c].cluster && (arn.cluster_len != strlen(cases[c].cluster) ||
                                 memcmp(arn.cluster, cases[c].cluster, arn.cluster_len) != 0)) {
            fail_msg("%s: want the cluster %s", cases[c].name, cases[c].cluster);
        }
        if (cases[c].valid && !cases[c].cluster && arn.cluster) {
            fail_msg("%s: want no cluster", cases[c].name);
        }
    }
}

static void test_parts(void **state)
{
    struct arn arn;

    (void)state;
    assert_true(arn_parse(PLACE "task/prod/" ID, ARN_TASK, &arn));
    assert_memory_equal(arn.region, "us-east-1", arn.region_len);
    assert_int_equal(arn.region_len, 9);
    assert_memory_equal(arn.account, "123456789012", 12);
    assert_string_equal(arn.id, ID);
}

static void test_cluster_name(void **state)
{
    char name[257];

    (void)state;
    memset(name, 'a', sizeof(name));
    name[255] = '\0';
    assert_true(cluster_name_is_valid(name));
    name[255] = 'a';
    name[256] = '\0';
    assert_false(cluster_name_is_valid(name));
    assert_true(cluster_name_is_valid("a-"));
    assert_true(cluster_name_is_valid("Z_9"));
    assert_false(cluster_name_is_valid("a"));
    assert_false(cluster_name_is_valid(""));
    assert_false(cluster_name_is_valid("9a"));
    assert_false(cluster_name_is_valid("a.b"));
    assert_false(cluster_name_is_valid("ab\n"));
    assert_string_equal(arn_cluster_name(PLACE "cluster/prod"), "prod");
    assert_null(arn_cluster_name("prod"));
}

static void test_belongs(void **state)
{
    (void)state;
    assert_true(arn_is_of_cluster(PLACE "task/prod/a", ARN_TASK, PLACE "cluster/prod"));
    assert_true(arn_is_of_cluster(PLACE "task/a", ARN_TASK, PLACE "cluster/prod"));
    assert_false(arn_is_of_cluster(PLACE "task/prod/a", ARN_TASK, PLACE "cluster/prod2"));
    assert_false(arn_is_of_cluster(PLACE "task/prod2/a", ARN_TASK, PLACE "cluster/prod"));
    assert_false(arn_is_of_cluster("arn:aws:ecs:us-east-2:123456789012:task/a", ARN_TASK,
                                   PLACE "cluster/prod"));
    assert_false(arn_is_of_cluster("arn:aws:ecs:us-east-1:123456789013:task/a", ARN_TASK,
                                   PLACE "cluster/prod"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),   cmocka_unit_test(test_id),
        cmocka_unit_test(test_parts),   cmocka_unit_test(test_cluster_name),
        cmocka_unit_test(test_belongs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
