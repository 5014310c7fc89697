/* The scheduler with a real Redis and the simulated ECS: what no request can bring about yet, and
 * what only happens when somebody else wrote into the store. */
#include "../store/server.h"

#include <stdlib.h>

#include "aws/ecs.h"
#include "model/environment.h"
#include "reconcile/apply.h"
#include "reconcile/consumer.h"
#include "reconcile/draft.h"
#include "reconcile/scheduler.h"
#include "sim.h"
#include "store/keys.h"
#include "util/log.h"
#include "util/mem.h"

#define CLUSTER      "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
#define DEFINITION   "arn:aws:ecs:us-east-1:123456789012:task-definition/agent:1"
#define DEFINITION_2 "arn:aws:ecs:us-east-1:123456789012:task-definition/agent:2"

struct fixture {
    struct server *server;
    struct store *store;
    struct aws *aws;
    struct board *board;
    struct view *view;
    struct lease *lease;
    struct drift *drift;
    struct consumer *consumer;
    struct scheduler *scheduler;
    const char *definition; /* what is deployed next */
    char environment[UUID_LEN];
    char deployment[UUID_LEN];
};

/* ---- the stage ------------------------------------------------------------------------------- */

static void on_lease(void *ctx, bool held)
{
    struct board *board = ctx;

    (void)held;
    board_lock(board);
    board_wake(board);
    board_unlock(board);
}

static void open_scheduler(struct fixture *f)
{
    struct error err = {0};
    const struct scheduler_options options = {
        .aws = f->aws,
        .store = f->store,
        .view = f->view,
        .board = f->board,
        .lease = f->lease,
        .drift = f->drift,
        .settle_after_ms = 200,
    };

    f->scheduler = scheduler_open(&options, &err);
    assert_non_null(f->scheduler);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct error err = {0};
    char warning[256];

    *state = f;
    f->definition = DEFINITION;
    sim_start();
    sim_do("POST", "/clusters", "{\"name\": \"prod\"}");
    sim_do("POST", "/task-definitions", "{\"family\": \"agent\"}");
    f->server = server_start();
    f->store = open_store(server_url(f->server));
    assert_ok(store_check(f->store, warning, &err), &err);
    f->aws = aws_open(&(struct aws_options){.region = "us-east-1", .endpoint = sim_url()}, &err);
    f->board = board_new();
    f->view = view_open(
        f->store, &(struct view_options){.without_bodies = true, .listener = &f->board->listener},
        &err);
    board_watch(f->board, f->view);
    f->lease = lease_open(f->store, "test", on_lease, f->board, &err);
    f->drift = drift_open(
        &(struct drift_options){
            .aws = f->aws, .store = f->store, .view = f->view, .lease = f->lease},
        &err);
    f->consumer = consumer_open(
        &(struct consumer_options){.aws = f->aws, .queue = "events", .store = f->store}, &err);
    open_scheduler(f);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    scheduler_free(f->scheduler);
    consumer_free(f->consumer);
    drift_free(f->drift);
    lease_free(f->lease);
    view_free(f->view);
    board_free(f->board);
    aws_free(f->aws);
    store_free(f->store);
    server_free(f->server);
    sim_stop();
    free(f);
    return 0;
}

/* ---- what the API would write ---------------------------------------------------------------- */

static void commit_all(struct fixture *f, const struct commit_op *ops, size_t n)
{
    struct error err = {0};
    struct commit_result result;
    struct commit commit = {.cause = "api", .ops = ops, .n_ops = n};

    commit_id_make(commit.id);
    assert_ok(store_commit(f->store, &commit, &result, &err), &err);
    assert_int_equal(result.outcome, COMMIT_DONE);
    for (size_t o = 0; o < n; o++) {
        assert_int_equal(result.ops[o].result, COMMIT_APPLIED);
    }
    assert_ok(view_wait(f->view, result.revision, 5000, &err), &err);
}

/* A new deployment comes into force. */
static void deploy(struct fixture *f)
{
    AUTO_STRBUF fields = {0};
    AUTO_STRBUF body = {0};
    AUTO_DRAFT draft = {0};

    if (!f->environment[0]) {
        uuid_make(f->environment);
    }
    uuid_make(f->deployment);
    const struct environment environment = {.cluster = CLUSTER,
                                            .id = f->environment,
                                            .name = "agent",
                                            .task_definition = f->definition,
                                            .token = f->environment,
                                            .deployment = f->deployment};
    const struct deployment deployment = {.cluster = CLUSTER,
                                          .environment = f->environment,
                                          .id = f->deployment,
                                          .task_definition = f->definition,
                                          .token = f->deployment};

    environment_fields(&environment, &fields);
    environment_body(&environment, &body);
    draft_deployment(&draft, &deployment, 0);
    draft.ops[draft.n++] = (struct commit_op){.kind = KIND_ENVIRONMENT,
                                              .key = "agent",
                                              .version = "0",
                                              .fields = fields.text,
                                              .body = body.text};
    commit_all(f, draft.ops, draft.n);
}

/* ---- what can be seen ------------------------------------------------------------------------ */

static size_t count_tasks(const char *path, const char *started_by, const char *status)
{
    json_auto_t *answer = sim_call("GET", path, NULL);
    size_t n = 0, t;
    json_t *task;

    json_array_foreach(json_object_get(answer, "tasks"), t, task)
    {
        n += streq(json_string_value(json_object_get(task, "lastStatus")), status) &&
             (!started_by ||
              streq(json_string_value(json_object_get(task, "startedBy")), started_by));
    }
    return n;
}

static size_t running(const char *started_by)
{
    return count_tasks("/tasks?cluster=prod", started_by, "RUNNING");
}

static bool has_stopped(const char *arn)
{
    json_auto_t *answer = sim_call("GET", "/tasks?cluster=prod", NULL);
    size_t t;
    json_t *task;

    json_array_foreach(json_object_get(answer, "tasks"), t, task)
    {
        if (streq(json_string_value(json_object_get(task, "task")), arn)) {
            return streq(json_string_value(json_object_get(task, "lastStatus")), "STOPPED");
        }
    }
    return false;
}

static int64_t calls(const char *operation)
{
    json_auto_t *answer = sim_call("GET", "/counters", NULL);

    return json_integer_value(
        json_object_get(json_object_get(json_object_get(answer, "calls"), operation), "ok"));
}

static void status_of(struct fixture *f, const char *deployment, char *out, size_t len)
{
    char key[DEPLOYMENT_KEY_LEN];
    AUTO(entity) *entity = NULL;

    deployment_key(f->environment, deployment, key);
    entity = view_get(f->view, KIND_DEPLOYMENT, key);
    snprintf(out, len, "%s", entity ? entity_field(entity, DEPLOYMENT_STATUS) : "");
}

static bool has_status(struct fixture *f, const char *deployment, const char *want)
{
    char status[16];

    status_of(f, deployment, status, sizeof(status));
    return streq(status, want);
}

/* The first placement of the environment; NULL when there is none. */
static struct entity *some_placement(struct fixture *f)
{
    AUTO_ENTITY_LIST list = {0};

    view_list_prefix(f->view, KIND_PLACEMENT, f->environment, &list);
    return list.n ? entity_ref(list.items[0]) : NULL;
}

static bool placement_is(struct fixture *f, const char *state, const char *reason)
{
    AUTO(entity) *placement = some_placement(f);

    return placement && streq(entity_field(placement, PLACEMENT_STATE), state) &&
           streq(entity_field(placement, PLACEMENT_REASON), reason);
}

/* In the order of events: how many live at once at most on one instance, and how few run at least
 * once all ran. */
struct told {
    int most_on_one;
    int fewest_running;
};

static int live_on(const json_t *tasks, const char *instance, const char *status)
{
    const char *arn;
    json_t *task;
    int n = 0;

    json_object_foreach((json_t *)(uintptr_t)tasks, arn, task)
    {
        const char *last = json_string_value(json_object_get(task, "lastStatus"));
        const char *desired = json_string_value(json_object_get(task, "desiredStatus"));

        n += (!instance || streq(json_string_value(json_object_get(task, "instance")), instance)) &&
             (status ? streq(last, status) && streq(desired, "RUNNING") : !streq(last, "STOPPED"));
    }
    return n;
}

static struct told tell_history(int fleet)
{
    json_auto_t *answer = sim_call("GET", "/history", NULL);
    json_auto_t *tasks = json_object();
    struct told told = {0, fleet};
    bool all_ran = false;
    json_t *change;
    size_t c;

    json_array_foreach(json_object_get(answer, "transitions"), c, change)
    {
        json_object_set(tasks, json_string_value(json_object_get(change, "task")), change);
        int live = live_on(tasks, json_string_value(json_object_get(change, "instance")), NULL);
        int n = live_on(tasks, NULL, "RUNNING");

        told.most_on_one = live > told.most_on_one ? live : told.most_on_one;
        all_ran |= n == fleet;
        if (all_ran && n < told.fewest_running) {
            told.fewest_running = n;
        }
    }
    return told;
}

/* ---- stories --------------------------------------------------------------------------------- */

static void test_a_new_deployment_replaces_tasks_within_the_budget(void **state)
{
    struct fixture *f = *state;
    char first[UUID_LEN];

    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 9}");
    deploy(f);
    eventually(running(f->deployment) == 9);
    eventually(has_status(f, f->deployment, "completed"));
    memcpy(first, f->deployment, sizeof(first));
    deploy(f);
    eventually(running(f->deployment) == 9);
    eventually(has_status(f, f->deployment, "completed"));
    assert_int_equal(running(first), 0);

    struct told told = tell_history(9);

    assert_int_equal(told.most_on_one, 1);
    assert_int_equal(told.fewest_running, 5); /* four of nine may be down, and were */
}

static void test_a_deployment_which_is_overtaken_is_completed(void **state)
{
    struct fixture *f = *state;
    char first[UUID_LEN];

    sim_do("POST", "/faults", "{\"operation\": \"StartTask\", \"kind\": \"throttle\"}");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    deploy(f);
    eventually(has_status(f, f->deployment, "running"));
    memcpy(first, f->deployment, sizeof(first));
    deploy(f);
    eventually(has_status(f, first, "completed"));
    sim_do("DELETE", "/faults", NULL);
    eventually(running(f->deployment) == 1);
}

static void freeze(struct fixture *f, const char *value)
{
    AUTO(reply) *reply = server_call(f->server, "HSET", "{blox}:meta", "freeze", value, NULL);

    assert_non_null(reply);
}

static void test_a_freeze_stops_and_its_end_lets_go_on(void **state)
{
    struct fixture *f = *state;

    freeze(f, "1");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 3}");
    deploy(f);
    eventually(has_status(f, f->deployment, "running"));
    assert_int_equal(calls("StartTask"), 0);
    freeze(f, "0");
    clock_sleep_ms(3000); /* it looks again after 5 s */
    eventually(running(f->deployment) == 3);
}

static void test_a_task_whose_placement_is_lost_is_named_again_and_not_doubled(void **state)
{
    struct fixture *f = *state;
    AUTO(entity) *placement = NULL;

    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    deploy(f);
    eventually(has_status(f, f->deployment, "completed"));
    placement = some_placement(f);
    commit_all(
        f, &(struct commit_op){.kind = KIND_PLACEMENT, .key = placement->key, .version = "0"}, 1);
    eventually(placement_is(f, "placed", ""));
    AUTO(entity) *again = some_placement(f);

    assert_string_equal(entity_field(again, PLACEMENT_TASKS),
                        entity_field(placement, PLACEMENT_TASKS));
    assert_int_equal(calls("StartTask"), 1);
}

static void test_an_order_to_stop_which_is_refused_is_repeated(void **state)
{
    struct fixture *f = *state;

    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    deploy(f);
    eventually(has_status(f, f->deployment, "completed"));
    sim_do("POST", "/faults",
           "{\"operation\": \"StopTask\", \"kind\": \"access-denied\", \"count\": 1}");
    deploy(f);
    eventually(placement_is(f, "stopping", "AccessDeniedException"));
    eventually(running(f->deployment) == 1);
    eventually(placement_is(f, "placed", ""));
    assert_int_equal(tell_history(1).most_on_one, 1);
}

static void test_a_lost_start_is_settled_and_made_again(void **state)
{
    struct fixture *f = *state;

    sim_do("POST", "/faults", "{\"operation\": \"StartTask\", \"kind\": \"close\", \"count\": 1}");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 2}");
    deploy(f);
    eventually(placement_is(f, "starting", ""));
    clock_sleep_ms(CALL_TIMEOUT_MS - 1000); /* the call's deadline, before which nobody can know */
    eventually(running(f->deployment) == 2);
    assert_int_equal(tell_history(2).most_on_one, 1);
}

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
    const struct ecs ecs = {.aws = f->aws, .class = AWS_DRIFT, .timeout_ms = 5000};
    json_auto_t *arns = json_pack("[s]", arn);
    json_auto_t *tasks = NULL;
    json_auto_t *failures = NULL;
    struct error err = {0};
    AUTO_DRAFT draft = {0};

    assert_ok(ecs_describe_tasks(&ecs, CLUSTER, arns, &tasks, &failures, &err), &err);
    assert_true(draft_task(&draft, json_array_get(tasks, 0), CLUSTER));
    commit_all(f, draft.ops, draft.n);
}

static bool is_synced(struct fixture *f)
{
    AUTO(entity) *cluster = view_get(f->view, KIND_CLUSTER, CLUSTER);

    return cluster != NULL;
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
    clock_sleep_ms(3000); /* it looks again after 5 s */
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
    clock_sleep_ms(CALL_TIMEOUT_MS - 1000); /* and then a listing tells of all of them */
    eventually(has_status(f, f->deployment, "completed"));
    assert_int_equal(calls("StartTask"), 0); /* whose answer came */
    assert_int_equal(tell_history(10).most_on_one, 1);
}

static void test_an_end_does_not_wait_for_a_listing(void **state)
{
    struct fixture *f = *state;

    sim_do("POST", "/faults", "{\"operation\": \"StartTask\", \"kind\": \"close\", \"count\": 1}");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    deploy(f);
    eventually(placement_is(f, "starting", ""));
    sim_do("PUT", "/settings", "{\"latencyMs\": 20000}");
    clock_sleep_ms(CALL_TIMEOUT_MS + 1000); /* the listing is under way now */
    int64_t began_ms = clock_mono_ms();

    scheduler_free(TAKE(f->scheduler));
    assert_in_range(clock_mono_ms() - began_ms, 0, 2000);
    sim_do("PUT", "/settings", "{\"latencyMs\": 0}");
    open_scheduler(f);
}

/* What was logged last of the environment's calls; "" when nothing. */
static void trouble_of(struct fixture *f, char out[256])
{
    board_lock(f->board);
    snprintf(out, 256, "%s",
             f->board->environments && f->board->environments->trouble
                 ? f->board->environments->trouble
                 : "");
    board_unlock(f->board);
}

static bool has_trouble(struct fixture *f)
{
    char trouble[256];

    trouble_of(f, trouble);
    return trouble[0] != '\0';
}

static void test_the_same_trouble_is_told_once(void **state)
{
    struct fixture *f = *state;
    char first[256];
    char later[256];

    sim_do("POST", "/faults", "{\"operation\": \"StartTask\", \"kind\": \"access-denied\"}");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    deploy(f);
    eventually(has_trouble(f));
    trouble_of(f, first);
    clock_sleep_ms(1500); /* tried again by then */
    trouble_of(f, later);
    assert_string_equal(first, later);
}

static int64_t received(void)
{
    json_auto_t *answer = sim_call("GET", "/counters", NULL);
    json_t *queue = json_object_get(json_object_get(answer, "queues"), "events");

    return json_integer_value(json_object_get(queue, "received"));
}

/* Each receive counts, and after some SQS takes a message for poison. */
static void test_a_full_redis_does_not_wear_out_messages(void **state)
{
    struct fixture *f = *state;

    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 20}");
    eventually(is_synced(f));
    int64_t before = received();

    reply_free(server_call(f->server, "CONFIG", "SET", "maxmemory", "1", NULL));
    sim_do("POST", "/storm", "{\"cluster\": \"prod\", \"tasks\": 200, \"events\": 400}");
    clock_sleep_ms(4000);
    assert_in_range(received() - before, 1,
                    10 * CONSUMER_POLLERS); /* one batch each found it out */
    reply_free(server_call(f->server, "CONFIG", "SET", "maxmemory", "0", NULL));
}

/* Or a definition that fits nowhere would use up the calls of all the others. */
static void test_starts_which_failed_together_are_tried_again_together(void **state)
{
    struct fixture *f = *state;

    sim_do("POST", "/task-definitions", "{\"family\": \"agent\", \"memory\": 1000000}");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 100}");
    f->definition = DEFINITION_2;
    deploy(f);
    eventually(calls("StartTask") >= 10);
    clock_sleep_ms(4000); /* two or three times */
    assert_in_range(calls("StartTask"), 20, 80);
}

/* While we were without the lease another started something there, too: its call may take effect
 * for longer than ours. */
static void test_a_start_of_a_predecessor_is_not_settled_as_ours_was(void **state)
{
    struct fixture *f = *state;
    struct placement placement;
    AUTO_DRAFT draft = {0};

    sim_do("POST", "/faults", "{\"operation\": \"StartTask\", \"kind\": \"close\", \"count\": 1}");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 1}");
    deploy(f);
    eventually(placement_is(f, "starting", ""));
    clock_sleep_ms(CALL_TIMEOUT_MS - 2000);
    AUTO(entity) *entity = some_placement(f);

    placement_read(entity->fields, &placement);
    placement.lease = "0123456789abcdef0123456789abcdef";
    draft_placement(&draft, &placement, entity->revision);
    commit_all(f, draft.ops, draft.n);
    reply_free(server_call(f->server, "DEL", KEY_LEASE, NULL)); /* and it is taken again */
    clock_sleep_ms(5000);
    assert_true(placement_is(f, "starting", ""));
    assert_int_equal(running(f->deployment), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_start_of_a_predecessor_is_not_settled_as_ours_was,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_starts_which_failed_together_are_tried_again_together,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_redis_does_not_wear_out_messages, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_trouble_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_end_does_not_wait_for_a_listing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_deployment_replaces_tasks_within_the_budget,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_deployment_which_is_overtaken_is_completed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_freeze_stops_and_its_end_lets_go_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_task_whose_placement_is_lost_is_named_again_and_not_doubled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_order_to_stop_which_is_refused_is_repeated, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_start_is_settled_and_made_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_surplus_named_by_a_placement_stops_and_the_oldest_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_older_copy_which_shows_up_late_is_surplus, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_a_foreign_task_that_found_its_instance_late_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_listing_larger_than_a_commit_is_stored_in_parts,
                                        set_up, tear_down),
    };

    if (skip_without_server()) {
        return 0;
    }
    log_init("test_scheduler", LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
