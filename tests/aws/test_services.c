/* ECS and SQS operations against a scripted peer. */
#include "../unit/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "aws/ecs.h"
#include "aws/sqs.h"
#include "peer.h"
#include "util/clock.h"
#include "writing.h"

#define SCRIPT(...)                                                                                \
    static const struct reply replies_[] = {__VA_ARGS__};                                          \
    peer_script(peer, replies_, ARRAY_LEN(replies_))

static struct peer *peer;
static struct aws *aws;
static struct ecs ecs;

static void assert_input(int i, const char *operation, const char *want)
{
    AUTO_CHAR *request = peer_request(peer, i);
    const char *body = strstr(request, "\r\n\r\n");
    json_auto_t *got = json_loads(body ? body : "", 0, NULL);
    json_auto_t *expected = json_loads(want, 0, NULL);

    if (!strstr(request, operation) || !json_equal(got, expected)) {
        fail_msg("request %d: want %s %s, got %s", i, operation, want, request);
    }
}

/* ---- ECS ------------------------------------------------------------------------------------- */

static void test_a_cluster_is_there_or_missing_or_an_error(void **state)
{
    struct error err = {0};
    struct aws_answer answer = {0};
    json_auto_t *cluster = NULL;

    (void)state;
    SCRIPT(
        {.status = 200, .body = "{\"clusters\": [{\"status\": \"ACTIVE\"}], \"failures\": []}"},
        {.status = 200,
         .body = "{\"clusters\": [], \"failures\": [{\"arn\": \"a\", \"reason\": \"MISSING\"}]}"},
        {.status = 400,
         .headers = "x-amzn-RequestId: r-9\r\n",
         .body = "{\"__type\": \"AccessDeniedException\", \"message\": \"no\"}"});
    assert_int_equal(ecs_describe_cluster(&ecs, "prod", NULL, &cluster, &err), 0);
    assert_string_equal(json_string_value(json_object_get(cluster, "status")), "ACTIVE");
    assert_input(0, "DescribeClusters", "{\"clusters\": [\"prod\"]}");

    json_t *missing = cluster;

    assert_int_equal(ecs_describe_cluster(&ecs, "prod", &answer, &missing, &err), 0);
    assert_null(missing);
    aws_answer_clear(&answer);

    assert_int_equal(ecs_describe_cluster(&ecs, "prod", &answer, &missing, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_string_equal(answer.code, "AccessDeniedException");
    assert_string_equal(answer.message, "no");
    assert_string_equal(answer.request_id, "r-9");
    assert_int_equal(answer.http_status, 400);
    aws_answer_clear(&answer);
}

static void test_a_listing_has_all_pages(void **state)
{
    struct error err = {0};
    json_auto_t *arns = json_array();

    (void)state;
    SCRIPT({.status = 200, .body = "{\"taskArns\": [\"a\", \"b\"], \"nextToken\": \"t1\"}"},
           {.status = 200, .body = "{\"taskArns\": [], \"nextToken\": \"t2\"}"},
           {.status = 200, .body = "{\"taskArns\": [\"c\"]}"});
    assert_int_equal(ecs_list_tasks(&ecs, "prod", "STOPPED", ecs_collect, arns, &err), 0);
    assert_int_equal(json_array_size(arns), 3);
    assert_input(0, "ListTasks",
                 "{\"cluster\": \"prod\", \"maxResults\": 100, \"desiredStatus\": \"STOPPED\"}");
    assert_input(2, "ListTasks",
                 "{\"cluster\": \"prod\", \"maxResults\": 100, \"desiredStatus\": \"STOPPED\", "
                 "\"nextToken\": \"t2\"}");
}

static void test_a_listing_that_fails_on_a_page_gives_nothing(void **state)
{
    struct error err = {0};
    json_t *arns = NULL;

    (void)state;
    SCRIPT({.status = 200, .body = "{\"clusterArns\": [\"a\"], \"nextToken\": \"t1\"}"},
           {.status = 400, .body = "{\"__type\": \"ClientException\"}"});
    assert_int_equal(ecs_list_clusters(&ecs, &arns, &err), -1);
    assert_null(arns);
}

static void test_listings_have_their_filters(void **state)
{
    struct error err = {0};
    json_auto_t *all = json_array();
    json_auto_t *draining = json_array();
    json_auto_t *tasks = NULL;

    (void)state;
    SCRIPT({.status = 200, .body = "{\"containerInstanceArns\": []}"},
           {.status = 200, .body = "{\"containerInstanceArns\": [\"i\"]}"},
           {.status = 200, .body = "{\"taskArns\": []}"});
    assert_int_equal(ecs_list_container_instances(&ecs, "c", NULL, ecs_collect, all, &err), 0);
    assert_int_equal(
        ecs_list_container_instances(&ecs, "c", "DRAINING", ecs_collect, draining, &err), 0);
    assert_int_equal(ecs_list_tasks_started_by(&ecs, "c", "d-1", &tasks, &err), 0);
    assert_int_equal(json_array_size(draining), 1);
    assert_input(0, "ListContainerInstances", "{\"cluster\": \"c\", \"maxResults\": 100}");
    assert_input(1, "ListContainerInstances",
                 "{\"cluster\": \"c\", \"maxResults\": 100, \"status\": \"DRAINING\"}");
    assert_input(2, "ListTasks",
                 "{\"cluster\": \"c\", \"maxResults\": 100, \"startedBy\": \"d-1\"}");
}

static void test_descriptions_come_with_their_failures(void **state)
{
    struct error err = {0};
    json_auto_t *arns = json_pack("[s, s]", "a", "b");
    json_auto_t *tasks = NULL;
    json_auto_t *failures = NULL;
    json_t *untouched = NULL;

    (void)state;
    SCRIPT({.status = 200,
            .body = "{\"tasks\": [{\"taskArn\": \"a\"}], \"failures\": [{\"arn\": \"b\", "
                    "\"reason\": \"MISSING\"}]}"},
           {.status = 200, .body = "{}"});
    assert_int_equal(ecs_describe_tasks(&ecs, "c", arns, &tasks, &failures, &err), 0);
    assert_int_equal(json_array_size(tasks), 1);
    assert_int_equal(json_array_size(failures), 1);
    assert_input(0, "DescribeTasks",
                 "{\"cluster\": \"c\", \"tasks\": [\"a\", \"b\"], \"include\": [\"TAGS\"]}");
    assert_int_equal(
        ecs_describe_container_instances(&ecs, "c", arns, &untouched, &untouched, &err), -1);
    assert_int_equal(err.code, ERR_PROTOCOL);
    assert_null(untouched);
    assert_input(1, "DescribeContainerInstances",
                 "{\"cluster\": \"c\", \"containerInstances\": [\"a\", \"b\"], "
                 "\"include\": [\"TAGS\"]}");
}

static void test_writes_tell_when_done(void **state)
{
    struct written got = WRITTEN;
    json_auto_t *instances = json_pack("[s, s]", "i1", "i2");
    const struct ecs_start start = {
        .cluster = "c", .task_definition = "agent:3", .instances = instances, .started_by = "d-1"};

    (void)state;
    SCRIPT({.status = 200,
            .body = "{\"tasks\": [{\"taskArn\": \"t\"}], \"failures\": [{\"arn\": \"i2\", "
                    "\"reason\": \"AGENT\"}]}"},
           {.status = 200, .body = "{\"failures\": []}"},
           {.status = 200, .body = "{\"task\": {\"taskArn\": \"t\"}}"}, {.lost = true});
    ecs_start_task_submit(&ecs, &start, take_written, &got);
    await_written(&got);
    assert_int_equal(got.code, ERR_NONE);
    assert_int_equal(json_array_size(got.tasks), 1);
    assert_int_equal(json_array_size(got.failures), 1);
    assert_input(0, "StartTask",
                 "{\"cluster\": \"c\", \"taskDefinition\": \"agent:3\", \"containerInstances\": "
                 "[\"i1\", \"i2\"], \"startedBy\": \"d-1\"}");

    ecs_start_task_submit(&ecs, &start, take_written, &got);
    await_written(&got);
    assert_int_equal(got.code, ERR_PROTOCOL);
    assert_true(got.in_doubt);

    ecs_stop_task_submit(&ecs, "c", "t", "replaced", take_written, &got);
    await_written(&got);
    assert_int_equal(got.code, ERR_NONE);
    assert_int_equal(json_array_size(got.tasks), 1);
    assert_input(2, "StopTask", "{\"cluster\": \"c\", \"task\": \"t\", \"reason\": \"replaced\"}");

    ecs_stop_task_submit(&ecs, "c", "t", NULL, take_written, &got);
    await_written(&got);
    assert_true(got.in_doubt);
    assert_int_equal(json_array_size(got.tasks), 0);
    written_clear(&got);
}

/* ---- SQS ------------------------------------------------------------------------------------- */

#define URL "{\"QueueUrl\": \"http://sqs/1/events\"}"

static void test_messages_are_received_and_deleted(void **state)
{
    struct error err = {0};
    AUTO(sqs_queue) *queue = sqs_open(aws, "events", &err);
    AUTO(sqs_batch) *batch = NULL;
    AUTO(sqs_batch) *empty = NULL;

    (void)state;
    SCRIPT({.status = 200, .body = URL},
           {.status = 200,
            .body = "{\"Messages\": [{\"MessageId\": \"m1\", \"ReceiptHandle\": \"r1\", \"Body\": "
                    "\"b1\", \"Attributes\": {\"ApproximateReceiveCount\": \"3\", "
                    "\"SentTimestamp\": \"1483326245678\"}}, {\"MessageId\": \"m2\", "
                    "\"ReceiptHandle\": \"r2\", \"Body\": \"b2\"}]}"},
           {.status = 200, .body = "{\"Successful\": [{\"Id\": \"0\"}, {\"Id\": \"1\"}]}"},
           {.status = 200, .body = "{}"},
           {.status = 200, .body = "{\"Failed\": [{\"Id\": \"1\", \"Code\": \"InternalError\"}]}"});
    assert_int_equal(sqs_receive(queue, 20, 30, &batch, &err), 0);
    assert_input(0, "AmazonSQS.GetQueueUrl", "{\"QueueName\": \"events\"}");
    assert_input(1, "AmazonSQS.ReceiveMessage",
                 "{\"QueueUrl\": \"http://sqs/1/events\", \"MaxNumberOfMessages\": 10, "
                 "\"WaitTimeSeconds\": 20, \"VisibilityTimeout\": 30, \"AttributeNames\": "
                 "[\"ApproximateReceiveCount\", \"SentTimestamp\"]}");
    assert_int_equal(batch->n, 2);
    assert_string_equal(batch->messages[0].id, "m1");
    assert_string_equal(batch->messages[0].body, "b1");
    assert_int_equal(batch->messages[0].receive_count, 3);
    assert_int_equal(batch->messages[0].sent_at_ms, 1483326245678);
    assert_string_equal(batch->messages[1].receipt, "r2");
    assert_int_equal(batch->messages[1].receive_count, 0);

    const char *receipts[] = {batch->messages[0].receipt, batch->messages[1].receipt};

    assert_int_equal(sqs_delete_batch(queue, receipts, 2, &err), 0);
    assert_input(2, "AmazonSQS.DeleteMessageBatch",
                 "{\"QueueUrl\": \"http://sqs/1/events\", \"Entries\": [{\"Id\": \"0\", "
                 "\"ReceiptHandle\": \"r1\"}, {\"Id\": \"1\", \"ReceiptHandle\": \"r2\"}]}");
    assert_int_equal(sqs_receive(queue, 0, 30, &empty, &err), 0);
    assert_int_equal(empty->n, 0);
    assert_int_equal(sqs_delete_batch(queue, receipts, 2, &err), -1);
    assert_non_null(strstr(err.text, "1 of 2 messages were not deleted: InternalError"));
    assert_int_equal(sqs_delete_batch(queue, receipts, 0, &err), 0);
    assert_int_equal(peer_count(peer), 5);
}

static void test_a_queue_that_is_not_there_is_named_and_tried_again(void **state)
{
    struct error err = {0};
    AUTO(sqs_queue) *queue = sqs_open(aws, "events", &err);
    AUTO(sqs_batch) *batch = NULL;

    (void)state;
    SCRIPT({.status = 400,
            .body = "{\"__type\": \"com.amazonaws.sqs#QueueDoesNotExist\", \"message\": \"The "
                    "specified queue does not exist.\"}"},
           {.status = 200, .body = URL}, {.status = 200, .body = "{}"});
    assert_int_equal(sqs_receive(queue, 1, 30, &batch, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "queue events: sqs GetQueueUrl in eu-west-1: "
                                     "QueueDoesNotExist: The specified queue"));
    error_clear(&err);
    assert_int_equal(sqs_receive(queue, 1, 30, &batch, &err), 0);
}

static void test_the_state_of_a_queue(void **state)
{
    struct error err = {0};
    AUTO(sqs_queue) *queue = sqs_open(aws, "https://sqs/1/events", &err);
    struct sqs_status got = {0};

    (void)state;
    SCRIPT({.status = 200,
            .body = "{\"Attributes\": {\"ApproximateNumberOfMessages\": \"12\", "
                    "\"ApproximateNumberOfMessagesNotVisible\": \"3\", \"RedrivePolicy\": "
                    "\"{}\"}}"},
           {.status = 200, .body = "{\"Attributes\": {\"ApproximateNumberOfMessages\": \"0\"}}"});
    assert_int_equal(sqs_status(queue, &got, &err), 0);
    assert_int_equal(got.waiting, 12);
    assert_int_equal(got.hidden, 3);
    assert_true(got.has_dead_letter);
    assert_int_equal(sqs_status(queue, &got, &err), 0);
    assert_false(got.has_dead_letter);
    assert_input(0, "AmazonSQS.GetQueueAttributes",
                 "{\"QueueUrl\": \"https://sqs/1/events\", \"AttributeNames\": "
                 "[\"ApproximateNumberOfMessages\", \"ApproximateNumberOfMessagesNotVisible\", "
                 "\"RedrivePolicy\"]}");
}

static void test_names_that_no_queue_has(void **state)
{
    struct error err = {0};

    (void)state;
    assert_null(sqs_open(aws, "", &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_null(sqs_open(aws, "a b", NULL));
    assert_null(sqs_open(aws, "ftp://x", NULL));
}

struct poll {
    struct sqs_queue *queue;
    int status;
    struct error err;
};

static void *poll_queue(void *ctx)
{
    struct poll *poll = ctx;
    AUTO(sqs_batch) *batch = NULL;

    poll->status = sqs_receive(poll->queue, 20, 30, &batch, &poll->err);
    return NULL;
}

static void test_a_long_poll_ends_when_told(void **state)
{
    struct error err = {0};
    AUTO(sqs_queue) *queue = sqs_open(aws, "https://sqs/1/events", &err);
    AUTO(sqs_batch) *batch = NULL;
    struct poll poll = {.queue = queue};
    struct sqs_status status = {0};
    pthread_t thread;

    (void)state;
    SCRIPT({.status = 200, .body = "{}", .held = true});
    pthread_create(&thread, NULL, poll_queue, &poll);
    while (peer_count(peer) == 0) {
        clock_sleep_ms(5);
    }
    int64_t began_ms = clock_mono_ms();

    sqs_stop_receiving(queue);
    pthread_join(thread, NULL);
    assert_true(clock_mono_ms() - began_ms < 15000); /* of the 20 s it would take */
    assert_int_equal(poll.err.code, ERR_UNAVAILABLE);
    assert_int_equal(sqs_receive(queue, 20, 30, &batch, &err), -1);
    assert_int_equal(sqs_status(queue, &status, &err), -1);
    assert_int_equal(peer_count(peer), 1); /* neither was sent */
}

static int set_up(void **state)
{
    struct error err = {0};

    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    unsetenv("AWS_PROFILE");
    unsetenv("http_proxy");
    peer = peer_start();
    aws = aws_open(&(struct aws_options){.region = "eu-west-1", .endpoint = peer_url(peer)}, &err);
    ecs = (struct ecs){.aws = aws, .class = AWS_DRIFT, .timeout_ms = 30000};
    return aws ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    aws_free(aws);
    peer_stop(peer);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_cluster_is_there_or_missing_or_an_error),
        TEST(test_a_listing_has_all_pages),
        TEST(test_a_listing_that_fails_on_a_page_gives_nothing),
        TEST(test_listings_have_their_filters),
        TEST(test_descriptions_come_with_their_failures),
        TEST(test_writes_tell_when_done),
        TEST(test_messages_are_received_and_deleted),
        TEST(test_a_queue_that_is_not_there_is_named_and_tried_again),
        TEST(test_the_state_of_a_queue),
        TEST(test_names_that_no_queue_has),
        TEST(test_a_long_poll_ends_when_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
