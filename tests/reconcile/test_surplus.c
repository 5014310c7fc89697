/* Tasks the scheduler did not expect: copies of its own which show up late, and others' tasks. */
#include "stage.h"

#include "reconcile/apply.h"
#include "reconcile/draft.h"
#include "sim.h"
#include "util/log.h"
#include "util/mem.h"

static void test_surplus_named_by_a_placement_stops_and_the_oldest_stays(void **state)
{
    struct fixture *f = *state;
    AUTO(entity) *entity = NULL;
    AUTO_CHAR *request = NULL;
    AUTO_CHAR *tasks = NULL;
    struct placement placement;
    AUTO_DRAFT draft = {0};

    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    deploy(f);
    eventually(has_status(f, f->deployment, "completed"));
    entity = some_placement(f);
    placement_read(entity->fields, &placement);
    request = xasprintf("{\"cluster\": \"prod\", \"startedBy\": \"%s\", \"events\": true}",
                        f->deployment);
    json_auto_t *added = sim_call("POST", "/tasks", request);
    const char *second = json_string_value(json_array_get(json_object_get(added, "taskArns"), 0));

    tasks = xasprintf("%s,%s", placement.tasks, second);
    placement.tasks = tasks;
    draft_placement(&draft, &placement, entity->revision);
    commit_all(f, draft.ops, draft.n);
    eventually(has_stopped(second));
    assert_int_equal(running(NULL), 1);
    assert_int_equal(calls("StopTask"), 1);
    assert_int_equal(calls("StartTask"), 1);
}

/* Stores what ECS says of the task now: the events had not told of it. */
static void show_task(struct fixture *f, const char *arn)
{
    const struct ecs ecs = {.aws = f->aws, .class = AWS_DRIFT, .timeout_ms = PATIENCE_MS};
    json_auto_t *arns = json_pack("[s]", arn);
    json_auto_t *tasks = NULL;
    json_auto_t *failures = NULL;
    struct error err = {0};
    AUTO_DRAFT draft = {0};

    assert_ok(ecs_describe_tasks(&ecs, CLUSTER, arns, &tasks, &failures, &err), &err);
    assert_true(draft_task(&draft, json_array_get(tasks, 0), CLUSTER));
    commit_all(f, draft.ops, draft.n);
}

/* A start of ours was forgotten (Redis lost it, and ECS did not list it yet), and made again. */
static void test_an_older_copy_which_shows_up_late_is_surplus(void **state)
{
    struct fixture *f = *state;

    freeze(f, "1");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    eventually(is_synced(f)); /* no pass will see what is made from now on */
    deploy(f);
    eventually(has_status(f, f->deployment, "running"));
    AUTO_CHAR *request = xasprintf("{\"cluster\": \"prod\", \"startedBy\": \"%s\"}", f->deployment);
    json_auto_t *added = sim_call("POST", "/tasks", request);
    const char *older = json_string_value(json_array_get(json_object_get(added, "taskArns"), 0));

    freeze(f, "0");
    eventually(running(f->deployment) == 2);
    eventually(has_status(f, f->deployment, "completed"));
    assert_int_equal(calls("StopTask"), 0);
    show_task(f, older);
    eventually(running(f->deployment) == 1);
    assert_false(has_stopped(older)); /* the oldest RUNNING one stays */
    assert_int_equal(calls("StopTask"), 1);
    assert_int_equal(calls("StartTask"), 1);
}

#define FOREIGN "arn:aws:ecs:us-east-1:123456789012:task/prod/0123456789abcdef0123456789abcdef"

/* Somebody's task as its events tell: under a capacity provider it exists before it has a place. */
static void tell_foreign(struct fixture *f, const char *version, const char *status,
                         const char *instance)
{
    json_auto_t *task = json_pack(
        "{s:s, s:s, s:s, s:s, s:s*, s:[], s:{}, s:i, s:i}", "taskArn", FOREIGN, "taskDefinitionArn",
        DEFINITION, "lastStatus", status, "desiredStatus", "RUNNING", "containerInstanceArn",
        instance, "containers", "overrides", "createdAt", 1700000000, "version", atoi(version));
    AUTO_DRAFT draft = {0};

    assert_true(draft_task(&draft, task, CLUSTER));
    commit_all(f, draft.ops, draft.n);
}

static void test_a_foreign_task_that_found_its_instance_late_is_waited_for(void **state)
{
    struct fixture *f = *state;

    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    deploy(f);
    eventually(has_status(f, f->deployment, "completed"));
    AUTO(entity) *placement = some_placement(f);
    const char *instance = entity_field(placement, PLACEMENT_INSTANCE);
    AUTO_CHAR *body = xasprintf("{\"arn\": \"%s\", \"status\": \"DRAINING\"}", instance);

    tell_foreign(f, "1", "PROVISIONING", NULL);
    tell_foreign(f, "2", "RUNNING", instance);
    sim_do("PATCH", "/instance", body);
    clock_sleep_ms(1000);
    assert_int_equal(calls("StopTask"), 0);
    tell_foreign(f, "3", "STOPPED", instance);
    eventually(calls("StopTask") == 1);
}

/* Ten tasks with a thousand ports each are more than one commit takes. */
static void test_a_listing_larger_than_a_commit_is_stored_in_parts(void **state)
{
    struct fixture *f = *state;
    AUTO_STRBUF ports = {0};

    for (int p = 0; p < 1000; p++) {
        strbuf_addf(&ports, "%s%d", p ? "," : "", 10000 + p);
    }
    AUTO_CHAR *definition = xasprintf("{\"family\": \"agent\", \"hostPorts\": [%s]}", ports.text);

    sim_do("POST", "/task-definitions", definition);
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 10}");
    eventually(is_synced(f));
    sim_do("POST", "/faults", "{\"operation\": \"StartTask\", \"kind\": \"lost-answer\"}");
    sim_do("POST", "/faults", "{\"kind\": \"event-lost\", \"rate\": 1}");
    f->definition = DEFINITION_2;
    deploy(f);
    eventually(running(f->deployment) == 10);
    eventually(has_status(f, f->deployment, "completed"));
    assert_int_equal(calls("StartTask"), 0); /* whose answer came */
    assert_int_equal(tell_history(10).most_on_one, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_surplus_named_by_a_placement_stops_and_the_oldest_stays),
        TEST(test_an_older_copy_which_shows_up_late_is_surplus),
        TEST(test_a_foreign_task_that_found_its_instance_late_is_waited_for),
        TEST(test_a_listing_larger_than_a_commit_is_stored_in_parts),
    };

    if (skip_without_server()) {
        return 0;
    }
    log_set_level("error");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
