/* Environments, deployments and placements come back from their field line as they went in. */
#include "test.h"

#include <jansson.h>
#include <string.h>

#include "model/deployment.h"
#include "model/environment.h"
#include "model/placement.h"

#define CLUSTER  "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
#define INSTANCE "arn:aws:ecs:us-east-1:123456789012:container-instance/prod/i1"
#define ENV_ID   "11111111-2222-4333-8444-555555555555"
#define DEP_ID   "66666666-7777-4888-9999-000000000000"

static void test_names(void **state)
{
    static const struct {
        const char *name;
        bool valid;
    } cases[] = {
        {"a", true},
        {"Log_shipper-2", true},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
        {"", false},
        {"a b", false},
        {"a\n", false},
        {"a/b", false},
        {"\xC3\xA4", false},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        if (environment_name_is_valid(cases[c].name) != cases[c].valid) {
            fail_msg("\"%s\"", cases[c].name);
        }
    }
}

static void assert_object(const char *text, const char *key, const char *want)
{
    json_auto_t *body = json_loads(text, 0, NULL);

    assert_non_null(body);
    assert_string_equal(json_string_value(json_object_get(body, key)), want);
}

static void test_environment(void **state)
{
    struct environment in = {CLUSTER, ENV_ID, "agent", "td:1", "tok", DEP_ID, ENVIRONMENT_DELETED,
                             5,       6};
    struct environment out;
    const char *fields[FIELDS_MAX];
    AUTO_STRBUF line = {0};
    AUTO_STRBUF body = {0};

    (void)state;
    environment_body(&in, &body);
    assert_object(body.text, "name", "agent");
    environment_fields(&in, &line);
    fields_split(line.text, fields);
    environment_read(fields, &out);
    assert_string_equal(out.cluster, CLUSTER);
    assert_string_equal(out.id, ENV_ID);
    assert_string_equal(out.name, "agent");
    assert_string_equal(out.task_definition, "td:1");
    assert_string_equal(out.token, "tok");
    assert_string_equal(out.deployment, DEP_ID);
    assert_int_equal(out.status, ENVIRONMENT_DELETED);
    assert_int_equal(out.created_at_ms, 5);
    assert_int_equal(out.deleted_at_ms, 6);
}

static void test_deployment(void **state)
{
    struct deployment in = {CLUSTER, ENV_ID, DEP_ID, "td:1", "tok", DEPLOYMENT_RUNNING, 7, 0};
    struct deployment out;
    const char *fields[FIELDS_MAX];
    AUTO_STRBUF line = {0};
    AUTO_STRBUF body = {0};

    (void)state;
    deployment_body(&in, &body);
    assert_object(body.text, "status", "running");
    deployment_fields(&in, &line);
    fields_split(line.text, fields);
    assert_string_equal(fields[DEPLOYMENT_COMPLETED_AT_MS], "");
    deployment_read(fields, &out);
    assert_string_equal(out.cluster, CLUSTER);
    assert_string_equal(out.environment, ENV_ID);
    assert_string_equal(out.id, DEP_ID);
    assert_string_equal(out.task_definition, "td:1");
    assert_string_equal(out.token, "tok");
    assert_int_equal(out.status, DEPLOYMENT_RUNNING);
    assert_int_equal(out.created_at_ms, 7);
    assert_int_equal(out.completed_at_ms, 0);
}

static void test_deployment_key(void **state)
{
    char key[DEPLOYMENT_KEY_LEN];

    (void)state;
    assert_true(deployment_key(ENV_ID, DEP_ID, key));
    assert_string_equal(key, ENV_ID "/" DEP_ID);
    assert_false(deployment_key(ENV_ID, DEP_ID "0", key));
    assert_string_equal(key, "");
}

static void test_placement(void **state)
{
    struct placement in = {CLUSTER, ENV_ID,   INSTANCE, PLACEMENT_STOPPING,
                           DEP_ID,  "t1,t22", "token",  "AGENT",
                           3,       1234,     99};
    struct placement out;
    const char *fields[FIELDS_MAX];
    AUTO_STRBUF line = {0};
    AUTO_STRBUF body = {0};
    AUTO_STRBUF key = {0};

    (void)state;
    placement_key(ENV_ID, INSTANCE, &key);
    assert_string_equal(key.text, ENV_ID "/" INSTANCE);
    placement_body(&in, &body);
    assert_object(body.text, "state", "stopping");
    assert_null(strstr(body.text, "token"));
    placement_fields(&in, &line);
    fields_split(line.text, fields);
    placement_read(fields, &out);
    assert_string_equal(out.cluster, CLUSTER);
    assert_string_equal(out.environment, ENV_ID);
    assert_string_equal(out.instance, INSTANCE);
    assert_int_equal(out.state, PLACEMENT_STOPPING);
    assert_string_equal(out.deployment, DEP_ID);
    assert_string_equal(out.tasks, "t1,t22");
    assert_string_equal(out.lease, "token");
    assert_string_equal(out.reason, "AGENT");
    assert_int_equal(out.failures, 3);
    assert_int_equal(out.retry_at_ms, 1234);
    assert_int_equal(out.at_ms, 99);
    assert_true(placement_failed(&out));
}

static void test_placement_owns(void **state)
{
    struct placement placement = {.tasks = "t1,t22"};

    (void)state;
    assert_true(placement_owns(&placement, "t1"));
    assert_true(placement_owns(&placement, "t22"));
    assert_false(placement_owns(&placement, "t2"));
    assert_false(placement_owns(&placement, ""));
    placement.tasks = "";
    assert_false(placement_owns(&placement, "t1"));
}

static void test_an_unknown_state_keeps_the_instance_occupied(void **state)
{
    char line[] = CLUSTER "\t" ENV_ID "\t" INSTANCE "\tlater";
    const char *fields[FIELDS_MAX];
    struct placement out;

    (void)state;
    fields_split(line, fields);
    placement_read(fields, &out);
    assert_int_equal(out.state, PLACEMENT_STARTING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_deployment),
        cmocka_unit_test(test_deployment_key),
        cmocka_unit_test(test_placement),
        cmocka_unit_test(test_placement_owns),
        cmocka_unit_test(test_an_unknown_state_keeps_the_instance_occupied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
