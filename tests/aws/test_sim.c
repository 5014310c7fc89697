/* The client and blox-awssim, which verifies what we sign and speaks the protocols by itself. */
#include "../unit/test.h"

#include <stdlib.h>

#include "../reconcile/sim.h"
#include "aws/ecs.h"
#include "aws/sqs.h"
#include "writing.h"

#define REGION   "eu-west-1"
#define EVENTS_S 2 /* one long poll for events */

static struct aws *aws;
static struct ecs ecs;

static struct aws *open_client(void)
{
    struct error err = {0};
    struct aws *client =
        aws_open(&(struct aws_options){.region = REGION, .endpoint = sim_url()}, &err);

    if (!client) {
        fail_msg("%s", err.text);
    }
    return client;
}

static int set_up(void **state)
{
    (void)state;
    unsetenv("http_proxy");
    sim_start(REGION, "token/+=");
    sim_do("POST", "/clusters", "{\"name\": \"prod\"}");
    sim_do("POST", "/task-definitions", "{\"family\": \"agent\"}");
    sim_do("POST", "/instances", "{\"cluster\": \"prod\", \"count\": 130}");
    aws = open_client();
    ecs = (struct ecs){.aws = aws, .class = AWS_DRIFT, .timeout_ms = PATIENCE_MS};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    aws_free(aws);
    sim_stop();
    return 0;
}

/* ---- what writes say ------------------------------------------------------------------------- */

/* On ten instances, counted from `from`. got->tasks is the caller's. */
static void start_ten(size_t from, const char *started_by, struct written *got)
{
    struct error err = {0};
    json_auto_t *all = json_array();
    json_auto_t *ten = json_array();

    assert_int_equal(ecs_list_container_instances(&ecs, "prod", NULL, ecs_collect, all, &err), 0);
    for (size_t i = from; i < from + ECS_START_MAX; i++) {
        json_array_append(ten, json_array_get(all, i));
    }
    ecs_start_task_submit(&ecs,
                          &(struct ecs_start){.cluster = "prod",
                                              .task_definition = "agent",
                                              .instances = ten,
                                              .started_by = started_by},
                          take_written, got);
    await_written(got);
}

static size_t count_started_by(const char *started_by)
{
    struct error err = {0};
    json_auto_t *tasks = NULL;

    assert_int_equal(ecs_list_tasks_started_by(&ecs, "prod", started_by, &tasks, &err), 0);
    return json_array_size(tasks);
}

/* ---- stories --------------------------------------------------------------------------------- */

static void test_clusters_and_definitions(void **state)
{
    struct error err = {0};
    struct aws_answer answer = {0};
    json_auto_t *cluster = NULL;
    json_auto_t *definition = NULL;
    json_t *missing = NULL;

    (void)state;
    assert_int_equal(ecs_describe_cluster(&ecs, "prod", NULL, &cluster, &err), 0);
    assert_string_equal(json_string_value(json_object_get(cluster, "clusterName")), "prod");
    assert_int_equal(ecs_describe_cluster(&ecs, "nowhere", NULL, &missing, &err), 0);
    assert_null(missing);
    assert_int_equal(ecs_describe_task_definition(&ecs, "agent", NULL, &definition, &err), 0);
    assert_int_equal(json_integer_value(json_object_get(definition, "revision")), 1);
    assert_int_equal(ecs_describe_task_definition(&ecs, "no", &answer, &missing, &err), -1);
    assert_string_equal(answer.code, "ClientException");
    assert_true(answer.request_id[0] != '\0');
    aws_answer_clear(&answer);
}

static void test_listings_have_all_pages_and_descriptions_all_objects(void **state)
{
    struct error err = {0};
    json_auto_t *arns = json_array();
    json_auto_t *some = json_array();
    json_auto_t *instances = NULL;
    json_auto_t *failures = NULL;

    (void)state;
    assert_int_equal(ecs_list_container_instances(&ecs, "prod", NULL, ecs_collect, arns, &err), 0);
    assert_int_equal(json_array_size(arns), 130);
    for (size_t i = 0; i < ECS_DESCRIBE_MAX; i++) {
        json_array_append(some, json_array_get(arns, i));
    }
    assert_int_equal(
        ecs_describe_container_instances(&ecs, "prod", some, &instances, &failures, &err), 0);
    assert_int_equal(json_array_size(instances), ECS_DESCRIBE_MAX);
    assert_int_equal(json_array_size(failures), 0);
}

static void test_tasks_start_and_stop(void **state)
{
    struct written started = WRITTEN;
    struct written stopped = WRITTEN;

    (void)state;
    start_ten(0, "d-start", &started);
    assert_int_equal(started.code, ERR_NONE);
    assert_int_equal(json_array_size(started.tasks), 10);
    assert_int_equal(count_started_by("d-start"), 10);

    const json_t *arn = json_object_get(json_array_get(started.tasks, 0), "taskArn");

    ecs_stop_task_submit(&ecs, "prod", json_string_value(arn), "a test", take_written, &stopped);
    await_written(&stopped);
    assert_int_equal(stopped.code, ERR_NONE);
    assert_true(json_equal(json_object_get(json_array_get(stopped.tasks, 0), "taskArn"), arn));
    assert_int_equal(count_started_by("d-start"), 9);
    written_clear(&started);
    written_clear(&stopped);
}

static void test_events_come_by_the_queue(void **state)
{
    struct error err = {0};
    AUTO(sqs_queue) *queue = sqs_open(aws, "events", &err);
    AUTO(sqs_batch) *batch = NULL;
    struct sqs_status status = {0};
    const char *receipts[SQS_BATCH_MAX];

    (void)state;
    assert_int_equal(sqs_status(queue, &status, &err), 0);
    assert_true(status.has_dead_letter);
    assert_true(status.waiting > 0);
    assert_int_equal(sqs_receive(queue, EVENTS_S, 30, &batch, &err), 0);
    assert_true(batch->n > 0);
    for (size_t i = 0; i < batch->n; i++) {
        assert_non_null(strstr(batch->messages[i].body, "aws.ecs"));
        assert_int_equal(batch->messages[i].receive_count, 1);
        receipts[i] = batch->messages[i].receipt;
    }
    assert_int_equal(sqs_delete_batch(queue, receipts, batch->n, &err), 0);
}

static void test_a_lost_answer_took_effect_once_and_is_in_doubt(void **state)
{
    struct written got = WRITTEN;

    (void)state;
    sim_do("POST", "/faults",
           "{\"operation\": \"StartTask\", \"kind\": \"lost-answer\", \"count\": 1}");
    start_ten(20, "d-lost", &got);
    assert_true(got.in_doubt);
    assert_int_equal(count_started_by("d-lost"), 10);
    written_clear(&got);
}

static void test_a_throttled_start_happens_once(void **state)
{
    struct written got = WRITTEN;

    (void)state;
    sim_do("POST", "/faults",
           "{\"operation\": \"StartTask\", \"kind\": \"throttle\", \"count\": 1}");
    start_ten(40, "d-throttled", &got);
    assert_int_equal(got.code, ERR_NONE);
    assert_int_equal(count_started_by("d-throttled"), 10);
    written_clear(&got);
}

static void test_a_wrong_secret_is_refused_and_not_shown(void **state)
{
    setenv("AWS_SECRET_ACCESS_KEY", "another-secret", 1);
    AUTO(aws) *other = open_client();
    struct ecs wrong = {.aws = other, .class = AWS_DRIFT, .timeout_ms = PATIENCE_MS};
    struct error err = {0};
    json_t *arns = NULL;

    (void)state;
    assert_int_equal(ecs_list_clusters(&wrong, &arns, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_null(strstr(err.text, "another-secret"));
}

static void test_a_queue_that_is_not_there(void **state)
{
    struct error err = {0};
    AUTO(sqs_queue) *queue = sqs_open(aws, "no-such-queue", &err);
    AUTO(sqs_batch) *batch = NULL;

    (void)state;
    assert_int_equal(sqs_receive(queue, 0, 30, &batch, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no-such-queue"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clusters_and_definitions),
        cmocka_unit_test(test_listings_have_all_pages_and_descriptions_all_objects),
        cmocka_unit_test(test_tasks_start_and_stop),
        cmocka_unit_test(test_events_come_by_the_queue),
        cmocka_unit_test(test_a_lost_answer_took_effect_once_and_is_in_doubt),
        cmocka_unit_test(test_a_throttled_start_happens_once),
        cmocka_unit_test(test_a_wrong_secret_is_refused_and_not_shown),
        cmocka_unit_test(test_a_queue_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
