/* The AWS client against a scripted peer: what is sent how often, and what is said to be known. */
#include "calling.h"

#include <pthread.h>

#include "util/clock.h"
#include "util/mem.h"

/* ---- what is certain and what is not --------------------------------------------------------- */

static void test_a_call_is_signed_and_its_connection_kept(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer, {.status = 200, .body = OK}, {.status = 200, .body = OK});
    assert_int_equal(do_read(aws).answer.err.code, ERR_NONE);
    assert_int_equal(do_write(aws).answer.err.code, ERR_NONE);
    assert_int_equal(peer_count(peer), 2);
    assert_int_equal(peer_connections(peer), 1);
    AUTO_CHAR *request = peer_request(peer, 1);

    assert_contains(request, "POST / HTTP/1.1\r\n");
    assert_contains(request, "X-Amz-Target: AmazonEC2ContainerServiceV20141113.StartTask\r\n");
    assert_contains(request, "Content-Type: application/x-amz-json-1.1\r\n");
    assert_contains(request, "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/");
    assert_contains(request, "/eu-west-1/ecs/aws4_request, SignedHeaders="
                             "content-type;host;x-amz-date;x-amz-target, Signature=");
    assert_contains(request, "\r\n\r\n{\"cluster\":\"prod\"}");
}

static void test_a_write_lost_on_a_kept_connection_is_in_doubt_and_sent_once(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer, {.status = 200, .body = OK}, {.lost = true}, {.status = 200, .body = OK});
    assert_int_equal(do_write(aws).answer.err.code, ERR_NONE);
    struct outcome got = do_write(aws);

    assert_int_equal(got.answer.err.code, ERR_UNAVAILABLE);
    assert_true(got.answer.in_doubt);
    assert_int_equal(peer_count(peer), 2);
}

static void test_a_read_lost_on_a_kept_connection_is_sent_again(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer, {.status = 200, .body = OK}, {.lost = true}, {.status = 200, .body = OK});
    do_read(aws);
    assert_int_equal(do_read(aws).answer.err.code, ERR_NONE);
    assert_int_equal(peer_count(peer), 3);
}

static void test_a_write_lost_on_a_fresh_connection_is_in_doubt(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer, {.lost = true}, {.status = 200, .body = OK});
    struct outcome got = do_write(aws);

    assert_true(got.answer.in_doubt);
    assert_int_equal(peer_count(peer), 1);
}

static void test_a_server_error_leaves_a_write_in_doubt_and_repeats_a_read(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer, {.status = 500, .body = ERROR("ServerException", "oh")},
           {.status = 503, .body = "<html>"}, {.status = 200, .body = OK});
    struct outcome got = do_write(aws);

    assert_true(got.answer.in_doubt);
    assert_int_equal(peer_count(peer), 1);
    assert_int_equal(do_read(aws).answer.err.code, ERR_NONE);
    assert_int_equal(peer_count(peer), 3);
}

static void test_a_refusal_is_definite(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer, {.status = 400,
                  .headers = "x-amzn-RequestId: r-1\r\n",
                  .body = ERROR("ClusterNotFoundException", "Cluster not found.")});
    struct outcome got = do_write(aws);

    assert_false(got.answer.in_doubt);
    assert_int_equal(peer_count(peer), 1);
    assert_int_equal(got.answer.http_status, 400);
    assert_string_equal(got.answer.code, "ClusterNotFoundException");
    assert_string_equal(got.answer.err.text,
                        "ecs StartTask in eu-west-1: ClusterNotFoundException: "
                        "Cluster not found. (request id r-1)");
}

static void test_a_refused_connection_is_no_doubt(void **state)
{
    int port = peer_free_port();
    AUTO_CHAR *url = xasprintf("http://127.0.0.1:%d", port);
    AUTO(aws) *aws = open_client(url);
    struct outcome got = {0};

    (void)state;
    got = call(aws, (struct aws_call){.class = AWS_PLACING, .write = true, .timeout_ms = 400});
    assert_int_equal(got.answer.err.code, ERR_UNAVAILABLE);
    assert_false(got.answer.in_doubt);
    assert_true(got.took_ms < PATIENCE_MS / 2);
    assert_contains(got.answer.err.text, "ecs StartTask in eu-west-1: ");
}

struct late_peer {
    int port;
    struct peer *peer;
};

static void *start_late(void *ctx)
{
    static const struct reply replies[] = {{.status = 200, .body = OK}};
    struct late_peer *late = ctx;

    clock_sleep_ms(150);
    late->peer = peer_start_on(late->port, replies, ARRAY_LEN(replies));
    return NULL;
}

static void test_a_write_succeeds_once_the_peer_is_up(void **state)
{
    struct late_peer late = {.port = peer_free_port()};
    AUTO_CHAR *url = xasprintf("http://127.0.0.1:%d", late.port);
    AUTO(aws) *aws = open_client(url);
    pthread_t thread;

    (void)state;
    pthread_create(&thread, NULL, start_late, &late);
    assert_int_equal(do_write(aws).answer.err.code, ERR_NONE);
    pthread_join(thread, NULL);
    assert_int_equal(peer_count(late.peer), 1);
    peer_stop(late.peer);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void test_a_throttled_write_is_repeated_and_the_governor_slows(void **state)
{
    struct error err = {0};
    const struct aws_options options = {
        .region = "eu-west-1", .endpoint = peer_url(peer), .writes = {.burst = 100, .rate = 5}};
    AUTO(aws) *aws = aws_open(&options, &err);

    (void)state;
    SCRIPT(peer, {.status = 400, .body = ERROR("ThrottlingException", "Rate exceeded")},
           {.status = 200, .body = OK});
    struct outcome got = do_write(aws);

    assert_int_equal(got.answer.err.code, ERR_NONE);
    assert_int_equal(peer_count(peer), 2);
    assert_true(got.took_ms >= 300); /* an emptied bucket that fills at 3 a second */
}

static void test_throttling_to_the_end_is_said(void **state)
{
    struct error err = {0};
    const struct aws_options options = {
        .region = "eu-west-1", .endpoint = peer_url(peer), .writes = {.burst = 100, .rate = 0.1}};
    AUTO(aws) *aws = aws_open(&options, &err);

    (void)state;
    SCRIPT(peer, {.status = 400, .body = ERROR("ThrottlingException", "Rate exceeded")});
    struct outcome got = /* there is no second turn in that time */
        call(aws, (struct aws_call){.class = AWS_PLACING, .write = true, .timeout_ms = 1500});

    assert_int_equal(got.answer.err.code, ERR_THROTTLED);
    assert_false(got.answer.in_doubt);
    assert_contains(got.answer.err.text, "ThrottlingException: Rate exceeded");
}

static void test_a_silent_peer_costs_the_deadline_and_no_more(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer, {.status = 200, .body = OK, .held = true});
    struct outcome got =
        call(aws, (struct aws_call){.class = AWS_PLACING, .write = true, .timeout_ms = 1500});

    assert_int_equal(got.answer.err.code, ERR_UNAVAILABLE);
    assert_true(got.answer.in_doubt);
    assert_true(got.took_ms >= 1490 && got.took_ms < PATIENCE_MS / 2);
}

static void test_no_token_within_the_deadline(void **state)
{
    struct error err = {0};
    const struct aws_options options = {
        .region = "eu-west-1", .endpoint = peer_url(peer), .reads = {.burst = 1, .rate = 0.1}};
    AUTO(aws) *aws = aws_open(&options, &err);

    (void)state;
    SCRIPT(peer, {.status = 200, .body = OK}, {.status = 200, .body = OK});
    do_read(aws);
    struct outcome got = call(aws, (struct aws_call){.class = AWS_DRIFT, .timeout_ms = 200});

    assert_int_equal(got.answer.err.code, ERR_UNAVAILABLE);
    assert_contains(got.answer.err.text, "no turn");
    assert_int_equal(peer_count(peer), 1);
}

/* ---- the lease ------------------------------------------------------------------------------- */

static bool count_down(void *ctx)
{
    int *left = ctx;

    return (*left)-- > 0;
}

/* Asked before a connection is used, and once more before the body leaves. */
static void test_a_write_that_may_not_be_sent_is_not(void **state)
{
    for (int allowed = 0; allowed < 2; allowed++) {
        AUTO(aws) *aws = open_client(peer_url(peer));
        int left = allowed;

        SCRIPT(peer, {.status = 200, .body = OK});
        struct outcome got = call(
            aws, (struct aws_call){
                     .class = AWS_PLACING, .write = true, .may_send = count_down, .ctx = &left});

        assert_int_equal(got.answer.err.code, ERR_CONFLICT);
        assert_false(got.answer.in_doubt);
        assert_int_equal(left, -1);
        assert_int_equal(peer_count(peer), 0);
    }
    (void)state;
}

static void test_a_write_that_may_be_sent_is(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));
    int left = 2;

    (void)state;
    SCRIPT(peer, {.status = 200, .body = OK});
    struct outcome got =
        call(aws, (struct aws_call){.write = true, .may_send = count_down, .ctx = &left});

    assert_int_equal(got.answer.err.code, ERR_NONE);
    assert_int_equal(left, 0);
}

/* ---- answers that make no sense -------------------------------------------------------------- */

static void test_nonsense_is_a_protocol_error(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));

    (void)state;
    SCRIPT(peer, {.status = 200, .body = "<html>"}, {.status = 200, .body = "[]"},
           {.status = 302, .headers = "Location: /\r\n"},
           {.status = 200, .body = OK, .blanks = 25 * 1024 * 1024});
    for (int i = 0; i < 3; i++) {
        struct outcome got = i == 1 ? do_write(aws) : do_read(aws);

        assert_int_equal(got.answer.err.code, ERR_PROTOCOL);
        assert_int_equal(got.answer.in_doubt, i == 1);
        assert_int_equal(peer_count(peer), i + 1);
    }
    struct outcome got = do_read(aws);

    assert_int_equal(got.answer.err.code, ERR_PROTOCOL);
    assert_contains(got.answer.err.text, "too long");
}

/* ---- many at once, and the end --------------------------------------------------------------- */

struct asker {
    struct aws *aws;
    struct aws_call how;
    struct outcome got;
    pthread_t thread;
};

static void *ask(void *ctx)
{
    struct asker *asker = ctx;

    asker->got = call(asker->aws, asker->how);
    return NULL;
}

static void ask_together(struct aws *aws, struct aws_call how, struct asker *askers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        askers[i] = (struct asker){.aws = aws, .how = how};
        pthread_create(&askers[i].thread, NULL, ask, &askers[i]);
    }
}

static void test_equal_reads_of_requests_are_shared(void **state)
{
    AUTO(aws) *aws = open_client(peer_url(peer));
    struct asker askers[8];

    (void)state;
    SCRIPT(peer, {.status = 200, .body = OK, .held = true});
    ask_together(aws, (struct aws_call){.class = AWS_REQUEST}, askers, ARRAY_LEN(askers));
    clock_sleep_ms(1000); /* all of them ask by then */
    peer_release(peer);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].got.answer.err.code, ERR_NONE);
    }
    assert_int_equal(peer_count(peer), 1);
}

static void test_the_end_of_the_client_ends_its_calls(void **state)
{
    struct aws *aws = open_client(peer_url(peer));
    struct asker askers[2];
    int64_t began_ms = clock_mono_ms();

    (void)state;
    SCRIPT(peer, {.status = 200, .body = OK, .held = true},
           {.status = 200, .body = OK, .held = true});
    ask_together(aws, (struct aws_call){.class = AWS_PLACING, .write = true}, askers, 2);
    while (peer_count(peer) < 2) {
        clock_sleep_ms(5);
    }
    aws_free(aws);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(askers[i].thread, NULL);
        assert_int_equal(askers[i].got.answer.err.code, ERR_UNAVAILABLE);
        assert_true(askers[i].got.answer.in_doubt);
    }
    assert_true(clock_mono_ms() - began_ms < PATIENCE_MS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_call_is_signed_and_its_connection_kept),
        TEST(test_a_write_lost_on_a_kept_connection_is_in_doubt_and_sent_once),
        TEST(test_a_read_lost_on_a_kept_connection_is_sent_again),
        TEST(test_a_write_lost_on_a_fresh_connection_is_in_doubt),
        TEST(test_a_server_error_leaves_a_write_in_doubt_and_repeats_a_read),
        TEST(test_a_refusal_is_definite),
        TEST(test_a_refused_connection_is_no_doubt),
        TEST(test_a_write_succeeds_once_the_peer_is_up),
        TEST(test_a_throttled_write_is_repeated_and_the_governor_slows),
        TEST(test_throttling_to_the_end_is_said),
        TEST(test_a_silent_peer_costs_the_deadline_and_no_more),
        TEST(test_no_token_within_the_deadline),
        TEST(test_a_write_that_may_not_be_sent_is_not),
        TEST(test_a_write_that_may_be_sent_is),
        TEST(test_nonsense_is_a_protocol_error),
        TEST(test_equal_reads_of_requests_are_shared),
        TEST(test_the_end_of_the_client_ends_its_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
