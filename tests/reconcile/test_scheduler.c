/* The scheduler with a real Redis and the simulated ECS: what no request can bring about yet, and
 * what only happens when somebody else wrote into the store. */
#include "stage.h"

#include "reconcile/apply.h"
#include "reconcile/draft.h"
#include "sim.h"
#include "store/keys.h"
#include "util/log.h"

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
    assert_in_range(told.fewest_running, 5, 8); /* four of nine may be down */
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

static void test_a_freeze_stops_and_its_end_lets_go_on(void **state)
{
    struct fixture *f = *state;

    freeze(f, "1");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 3}");
    deploy(f);
    eventually(has_status(f, f->deployment, "running"));
    assert_int_equal(calls("StartTask"), 0);
    freeze(f, "0");
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
    eventually(running(f->deployment) == 2);
    assert_int_equal(tell_history(2).most_on_one, 1);
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
    assert_in_range(clock_mono_ms() - began_ms, 0, CALL_TIMEOUT_MS / 2);
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

static int64_t queued(const char *count)
{
    json_auto_t *answer = sim_call("GET", "/counters", NULL);
    json_t *queue = json_object_get(json_object_get(answer, "queues"), "events");

    return json_integer_value(json_object_get(queue, count));
}

/* Each receive counts, and after some SQS takes a message for poison. */
static void test_a_full_redis_does_not_wear_out_messages(void **state)
{
    struct fixture *f = *state;

    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 20}");
    eventually(is_synced(f));
    eventually(queued("visible") + queued("inFlight") == 0);
    int64_t before = queued("received");

    reply_free(server_call(f->server, "CONFIG", "SET", "maxmemory", "1", NULL));
    sim_do("POST", "/storm", "{\"cluster\": \"prod\", \"tasks\": 200, \"events\": 400}");
    eventually(queued("received") > before);
    clock_sleep_ms(4000);
    assert_in_range(queued("received") - before, 1,
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
    eventually(calls("StartTask") >= 20);
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
    clock_sleep_ms(CALL_TIMEOUT_MS - 4000);
    AUTO(entity) *entity = some_placement(f);

    placement_read(entity->fields, &placement);
    placement.lease = "0123456789abcdef0123456789abcdef";
    draft_placement(&draft, &placement, entity->revision);
    commit_all(f, draft.ops, draft.n);
    reply_free(server_call(f->server, "DEL", KEY_LEASE, NULL)); /* and it is taken again */
    clock_sleep_ms(7000);
    assert_true(placement_is(f, "starting", ""));
    assert_int_equal(running(f->deployment), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_start_of_a_predecessor_is_not_settled_as_ours_was),
        TEST(test_starts_which_failed_together_are_tried_again_together),
        TEST(test_a_full_redis_does_not_wear_out_messages),
        TEST(test_the_same_trouble_is_told_once),
        TEST(test_an_end_does_not_wait_for_a_listing),
        TEST(test_a_new_deployment_replaces_tasks_within_the_budget),
        TEST(test_a_deployment_which_is_overtaken_is_completed),
        TEST(test_a_freeze_stops_and_its_end_lets_go_on),
        TEST(test_a_task_whose_placement_is_lost_is_named_again_and_not_doubled),
        TEST(test_an_order_to_stop_which_is_refused_is_repeated),
        TEST(test_a_lost_start_is_settled_and_made_again),
    };

    if (skip_without_server()) {
        return 0;
    }
    log_set_level("error");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
