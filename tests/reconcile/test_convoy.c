/* Batches of many threads at once into a real Redis that is slow, and one that is away. */
#include "../store/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "reconcile/convoy.h"
#include "store/keys.h"
#include "util/mem.h"

#define PLACE   "arn:aws:ecs:us-east-1:123456789012:"
#define WAITING (CONVOY_MEMBERS + 3)    /* batches that come while others are under way */
#define THREADS (CONVOYS_MAX + WAITING) /* ... one each */

static struct server *server;
static struct store *store;
static struct convoy *convoy;

static int begin(void **state)
{
    (void)state;
    server = server_start("--loglevel", "warning", NULL);
    store = open_store(server_url(server));
    convoy = convoy_new(store);
    return check_store(store, NULL);
}

static int end(void **state)
{
    (void)state;
    convoy_free(convoy);
    store_free(store);
    server_free(server);
    return 0;
}

/* ---- what goes in ---------------------------------------------------------------------------- */

struct batch_of_one {
    int instance;
    pthread_t thread;
    char *body;
    struct ingest_item items[2]; /* an event, and what is none */
    int outcome;
    struct error err;
};

static void *ingest_one(void *ctx)
{
    struct batch_of_one *batch = ctx;

    batch->outcome = convoy_ingest(convoy, batch->items, ARRAY_LEN(batch->items), &batch->err);
    return NULL;
}

static void start(struct batch_of_one *batch, int instance, int version)
{
    *batch = (struct batch_of_one){
        .instance = instance,
        .body =
            xasprintf("{\"detail-type\":\"ECS Container Instance State Change\",\"detail\":{"
                      "\"clusterArn\":\"" PLACE "cluster/prod\",\"containerInstanceArn\":\"" PLACE
                      "container-instance/prod/%d\",\"agentConnected\":true,"
                      "\"status\":\"ACTIVE\",\"registeredResources\":[],"
                      "\"remainingResources\":[],\"versionInfo\":{},\"version\":%d}}",
                      instance, version),
    };
    batch->items[0].body = batch->body;
    batch->items[1].body = "poison";
    assert_int_equal(pthread_create(&batch->thread, NULL, ingest_one, batch), 0);
}

static void start_all(struct batch_of_one *batches, int first_instance)
{
    for (int i = 0; i < THREADS; i++) {
        start(&batches[i], first_instance + i, 1);
    }
}

/* Waits for all; each has its own outcome, and its own items in their places. */
static void expect(struct batch_of_one *batches, int n, int outcome, enum ingest_result result)
{
    for (int i = 0; i < n; i++) {
        struct batch_of_one *batch = &batches[i];
        AUTO_CHAR *key = xasprintf(PLACE "container-instance/prod/%d", batch->instance);

        pthread_join(batch->thread, NULL);
        assert_int_equal(batch->outcome, outcome);
        assert_int_equal(batch->items[0].result, result);
        assert_int_equal(batch->items[1].result, INGEST_REJECTED);
        assert_string_equal(batch->items[0].event->key, key);
        assert_ptr_equal(batch->items[0].body, batch->body);
        ingest_item_clear(&batch->items[0]);
        ingest_item_clear(&batch->items[1]);
        free(batch->body);
    }
}

/* Commits in the log: the entries of one follow each other. */
static int commits(void)
{
    AUTO(reply) *log = server_call(server, "XRANGE", KEY_LOG, "-", "+", NULL);
    const char *last = "";
    int n = 0;

    for (size_t i = 0; i < log->n; i++) {
        const struct reply *fields = log->items[i]->items[1];
        const char *id = fields->items[3]->text; /* at, ..., commit, ID */

        n += !streq(id, last);
        last = id;
    }
    return n;
}

/* ---- stories --------------------------------------------------------------------------------- */

static void test_those_who_wait_go_together(void **state)
{
    struct batch_of_one batches[THREADS];

    (void)state;
    int before = commits();

    server_signal(server, SIGSTOP);
    start_all(batches, 100);
    eventually(convoy_waiting(convoy) == WAITING);
    server_signal(server, SIGCONT);
    expect(batches, THREADS, 0, INGEST_APPLIED);
    assert_int_equal(commits() - before, CONVOYS_MAX + 2);
}

/* The latest first, each in a thread of its own. */
static void test_those_who_go_together_do_not_overtake_each_other(void **state)
{
    enum { AHEAD = CONVOYS_MAX + 1 }; /* of which one waits: the others are under way */
    struct batch_of_one batches[AHEAD + CONVOY_MEMBERS - 1];

    (void)state;
    server_signal(server, SIGSTOP);
    for (int i = 0; i < AHEAD; i++) {
        start(&batches[i], 400 + i, 1);
    }
    eventually(convoy_waiting(convoy) == 1);
    for (int i = AHEAD; i < (int)ARRAY_LEN(batches); i++) {
        start(&batches[i], 500, (int)ARRAY_LEN(batches) - i);
    }
    eventually(convoy_waiting(convoy) == CONVOY_MEMBERS);
    server_signal(server, SIGCONT);
    expect(batches, ARRAY_LEN(batches), 0, INGEST_APPLIED);
}

static void test_one_alone_does_not_wait(void **state)
{
    struct batch_of_one batch;
    int before = commits();

    (void)state;
    start(&batch, 1, 1);
    pthread_join(batch.thread, NULL);
    assert_ok(batch.outcome, &batch.err);
    assert_int_equal(commits(), before + 1);
    ingest_item_clear(&batch.items[0]);
    free(batch.body);
}

/* All hear of it; and the convoys set out again when Redis is back. */
static void test_without_redis_all_fail_and_later_none(void **state)
{
    struct batch_of_one batches[THREADS];

    (void)state;
    server_kill(server);
    start_all(batches, 200);
    expect(batches, THREADS, -1, INGEST_PENDING);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(batches[i].err.code, ERR_UNAVAILABLE);
        assert_non_null(strstr(batches[i].err.text, "redis"));
    }
    server_resume(server);
    start_all(batches, 300);
    expect(batches, THREADS, 0, INGEST_APPLIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_alone_does_not_wait),
        cmocka_unit_test(test_those_who_wait_go_together),
        cmocka_unit_test(test_those_who_go_together_do_not_overtake_each_other),
        cmocka_unit_test(test_without_redis_all_fail_and_later_none),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, begin, end);
}
