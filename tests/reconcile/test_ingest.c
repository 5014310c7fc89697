/* Events into a real Redis: doubled, reordered, raced for, poisoned, late, and with Redis away. */
#include "../store/server.h"

#include <pthread.h>
#include <stdlib.h>

#include "reconcile/ingest.h"
#include "reconcile/upkeep.h"
#include "util/js.h"
#include "util/mem.h"

#define PLACE   "arn:aws:ecs:us-east-1:123456789012:"
#define CLUSTER PLACE "cluster/prod"
#define NOW_MS  1500000000000

static struct server *server;
static struct store *store;

static int begin(void **state)
{
    (void)state;
    server = server_start("--loglevel", "warning", NULL);
    store = open_store(server_url(server));
    return 0;
}

static int end(void **state)
{
    (void)state;
    store_free(store);
    server_free(server);
    return 0;
}

/* ---- what goes in ---------------------------------------------------------------------------- */

static char *task_event(int task, int version, const char *status, int64_t at_ms)
{
    char time[CLOCK_ISO_LEN];

    clock_format_iso_ms(at_ms, time);
    return xasprintf("{\"detail-type\":\"ECS Task State Change\",\"time\":\"%s\",\"detail\":{"
                     "\"clusterArn\":\"" CLUSTER "\",\"taskArn\":\"" PLACE "task/prod/%d\","
                     "\"containers\":[],\"createdAt\":\"2017-07-14T02:40:00.000Z\","
                     "\"desiredStatus\":\"RUNNING\",\"lastStatus\":\"%s\",\"overrides\":{},"
                     "\"taskDefinitionArn\":\"" PLACE "task-definition/a:1\",\"version\":%d}}",
                     time, task, status, version);
}

static char *instance_event(int instance, int version)
{
    return xasprintf("{\"detail-type\":\"ECS Container Instance State Change\",\"detail\":{"
                     "\"clusterArn\":\"" CLUSTER "\",\"containerInstanceArn\":\"" PLACE
                     "container-instance/prod/%d\",\"agentConnected\":true,\"status\":\"ACTIVE\","
                     "\"registeredResources\":[],\"remainingResources\":[],\"versionInfo\":{},"
                     "\"version\":%d}}",
                     instance, version);
}

struct message {
    char *body;
    enum ingest_result want;
};

static int take_in(struct ingest_item *items, size_t n, struct error *err)
{
    ingest_parse(items, n);
    return ingest(store, NOW_MS, items, n, err);
}

/* Ingests a batch, frees the bodies, and compares what became of each. */
#define INGEST(...) ingest_all((const struct message[]){__VA_ARGS__, {NULL, INGEST_PENDING}})

static void ingest_all(const struct message *messages)
{
    struct ingest_item items[INGEST_MAX] = {0};
    struct error err = {0};
    size_t n = 0;

    for (; messages[n].body; n++) {
        items[n].body = messages[n].body;
    }
    if (take_in(items, n, &err) < 0) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < n; i++) {
        if (items[i].result != messages[i].want) {
            fail_msg("message %zu: want %d, got %d (%s)", i, (int)messages[i].want,
                     (int)items[i].result, items[i].why.text);
        }
        ingest_item_clear(&items[i]);
        free(messages[i].body);
    }
}

/* ---- what is there --------------------------------------------------------------------------- */

static struct stored read_one(enum kind kind, const char *key)
{
    struct stored stored = {0};
    struct error err = {0};

    if (store_read(store, kind, &key, 1, &stored, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return stored;
}

static int64_t revision(void)
{
    int64_t now = -1;

    assert_int_equal(store_revision(store, &now, NULL), 0);
    return now;
}

static void assert_task(int task, const char *version, const char *status)
{
    AUTO_CHAR *key = xasprintf(PLACE "task/prod/%d", task);
    struct stored stored = read_one(KIND_TASK, key);
    json_auto_t *raw =
        js_parse(stored.raw ? stored.raw : "{}", strlen(stored.raw ? stored.raw : "{}"), NULL);

    assert_non_null(stored.raw);
    assert_string_equal(stored.version, version);
    assert_string_equal(json_string_value(js_get(raw, "lastStatus")), status);
    stored_clear(&stored, 1);
}

/* ---- stories --------------------------------------------------------------------------------- */

static void test_a_doubled_event_is_applied_once(void **state)
{
    (void)state;
    int64_t before = revision();

    INGEST({task_event(1, 3, "RUNNING", NOW_MS), INGEST_APPLIED},
           {task_event(1, 3, "RUNNING", NOW_MS), INGEST_REPEATED});
    INGEST({task_event(1, 3, "RUNNING", NOW_MS), INGEST_REPEATED});
    assert_int_equal(revision(), before + 1);
    assert_task(1, "3", "RUNNING");
}

static void test_versions_in_one_batch_are_all_applied_in_order(void **state)
{
    (void)state;
    int64_t before = revision();

    INGEST({task_event(2, 10, "STOPPED", NOW_MS), INGEST_APPLIED},
           {task_event(2, 2, "PENDING", NOW_MS), INGEST_APPLIED},
           {task_event(2, 9, "RUNNING", NOW_MS), INGEST_APPLIED});
    assert_int_equal(revision(), before + 3); /* streams show each of them */
    assert_task(2, "10", "STOPPED");
}

static void test_an_older_event_changes_nothing(void **state)
{
    (void)state;
    INGEST({task_event(3, 12, "STOPPED", NOW_MS), INGEST_APPLIED});
    INGEST({task_event(3, 9, "RUNNING", NOW_MS), INGEST_OVERTAKEN});
    assert_task(3, "12", "STOPPED");
}

static void test_poison_holds_up_nothing(void **state)
{
    (void)state;
    INGEST({xstrdup("{"), INGEST_REJECTED}, {task_event(4, 1, "PENDING", NOW_MS), INGEST_APPLIED},
           {xstrdup("{\"detail-type\":\"ECS Service Action\"}"), INGEST_REJECTED},
           {instance_event(4, 1), INGEST_APPLIED});
    assert_task(4, "1", "PENDING");
}

/* Numbers which take more room written out than SQS' 256 KB can bring. */
static char *swollen_event(int task)
{
    AUTO_STRBUF numbers = {0};
    AUTO_CHAR *plain = task_event(task, 1, "PENDING", NOW_MS);
    char *overrides = strstr(plain, "\"overrides\":{}");

    for (int n = 0; n < 70000; n++) {
        strbuf_add_text(&numbers, n ? ",1e14" : "1e14");
    }
    *overrides = '\0';
    return xasprintf("%s\"swollen\":[%s],\"%s", plain, numbers.text, overrides + 1);
}

static void test_one_too_large_for_the_store_holds_up_nothing(void **state)
{
    (void)state;
    INGEST({task_event(61, 1, "PENDING", NOW_MS), INGEST_APPLIED},
           {swollen_event(62), INGEST_REJECTED},
           {task_event(63, 1, "PENDING", NOW_MS), INGEST_APPLIED});
}

static void commit_one(const struct commit_op *op)
{
    struct commit commit = {.cause = "drift", .ops = op, .n_ops = 1};
    struct commit_result *result = xmalloc(sizeof(*result));
    struct error err = {0};

    commit_id_make(commit.id);
    if (store_commit(store, &commit, result, &err) < 0) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(result->outcome, COMMIT_DONE);
    assert_int_equal(result->ops[0].result, COMMIT_APPLIED);
    free(result);
}

static void test_what_an_event_does_not_carry_survives(void **state)
{
    static const char described[] =
        "{\"taskArn\":\"" PLACE "task/prod/5\",\"containers\":[],\"createdAt\":1500000000,"
        "\"desiredStatus\":\"RUNNING\",\"lastStatus\":\"PENDING\",\"overrides\":{},"
        "\"taskDefinitionArn\":\"" PLACE "task-definition/a:1\",\"version\":1,"
        "\"healthStatus\":\"HEALTHY\"}";
    json_auto_t *task = js_parse(described, strlen(described), NULL);
    AUTO_RECORD record = {0};

    (void)state;
    assert_int_equal(task_record(task, CLUSTER, &record, NULL), 0);
    commit_one(&(struct commit_op){.kind = KIND_TASK,
                                   .key = record.key,
                                   .version = record.version,
                                   .fields = record.fields,
                                   .body = record.body,
                                   .raw = record.raw});
    INGEST({task_event(5, 2, "RUNNING", NOW_MS), INGEST_APPLIED});
    assert_task(5, "2", "RUNNING");

    struct stored stored = read_one(KIND_TASK, record.key);

    assert_non_null(strstr(stored.raw, "\"healthStatus\":\"HEALTHY\""));
    stored_clear(&stored, 1);
}

static void test_a_late_event_revives_nothing_but_a_newer_one_does(void **state)
{
    (void)state;
    INGEST({task_event(6, 5, "STOPPED", NOW_MS), INGEST_APPLIED});
    commit_one(&(struct commit_op){
        .kind = KIND_TASK, .key = PLACE "task/prod/6", .version = "5", .fields = CLUSTER});
    INGEST({task_event(6, 4, "RUNNING", NOW_MS), INGEST_OVERTAKEN},
           {task_event(6, 5, "STOPPED", NOW_MS), INGEST_REPEATED});

    struct stored stored = read_one(KIND_TASK, PLACE "task/prod/6");

    assert_true(stored.deleted);
    stored_clear(&stored, 1);
    INGEST({task_event(6, 6, "RUNNING", NOW_MS), INGEST_APPLIED});
    assert_task(6, "6", "RUNNING");
}

static void test_an_event_older_than_any_tombstone_is_not_believed(void **state)
{
    (void)state;
    INGEST({task_event(7, 1, "RUNNING", NOW_MS - TOMBSTONE_AGE_MS - 1000), INGEST_TOO_OLD});
    INGEST({task_event(7, 1, "RUNNING", NOW_MS - TOMBSTONE_AGE_MS + 1000), INGEST_APPLIED});
    INGEST({task_event(7, 2, "STOPPED", NOW_MS - TOMBSTONE_AGE_MS - 1000),
            INGEST_APPLIED}); /* known: its version decides */
}

static void test_an_instance_is_a_newcomer_once(void **state)
{
    struct ingest_item items[2] = {0};

    (void)state;
    for (int round = 0; round < 2; round++) {
        AUTO_CHAR *first = instance_event(8, 1 + 2 * round);
        AUTO_CHAR *second = instance_event(8, 2 + 2 * round);

        memset(items, 0, sizeof(items));
        items[0].body = first;
        items[1].body = second;
        assert_int_equal(take_in(items, 2, NULL), 0);
        assert_int_equal(items[0].result, INGEST_APPLIED);
        assert_int_equal(items[0].first_seen, round == 0);
        assert_false(items[1].first_seen);
        ingest_item_clear(&items[0]);
        ingest_item_clear(&items[1]);
    }
}

/* ---- several consumers at once --------------------------------------------------------------- */

#define RACERS        4
#define RACE_TASKS    20
#define RACE_VERSIONS 10

/* Each racer brings every version of every task, in an order of its own, ten at a time. */
static void *race(void *ctx)
{
    const int racer = *(const int *)ctx;
    const int n = RACE_TASKS * RACE_VERSIONS;

    for (int from = 0; from < n; from += 10) {
        struct ingest_item items[10] = {0};
        AUTO_STRBUF failure = {0};
        char *bodies[10];
        struct error err = {0};

        for (int i = 0; i < 10; i++) {
            int at = ((from + i) * (7 + 2 * racer) + racer) % n; /* 7, 9, 11, 13: some repeat */

            bodies[i] =
                task_event(100 + at / RACE_VERSIONS, 1 + at % RACE_VERSIONS,
                           at % RACE_VERSIONS == RACE_VERSIONS - 1 ? "STOPPED" : "RUNNING", NOW_MS);
            items[i].body = bodies[i];
        }
        if (take_in(items, 10, &err) < 0) {
            strbuf_add_text(&failure, err.text);
        }
        for (int i = 0; i < 10; i++) {
            ingest_item_clear(&items[i]);
            free(bodies[i]);
        }
        if (failure.len > 0) {
            return strbuf_take(&failure);
        }
    }
    return NULL;
}

static void test_racing_consumers_end_in_the_truth(void **state)
{
    pthread_t threads[RACERS];
    int numbers[RACERS];

    (void)state;
    for (int r = 0; r < RACERS; r++) {
        numbers[r] = r;
        assert_int_equal(pthread_create(&threads[r], NULL, race, &numbers[r]), 0);
    }
    for (int r = 0; r < RACERS; r++) {
        void *failure;

        pthread_join(threads[r], &failure);
        if (failure) {
            fail_msg("%s", (const char *)failure);
        }
    }
    for (int t = 0; t < RACE_TASKS; t++) {
        assert_task(100 + t, "10", "STOPPED");
    }
}

/* The last test: it takes Redis away. */
static void test_without_redis_nothing_is_settled(void **state)
{
    AUTO_CHAR *body = task_event(9, 1, "RUNNING", NOW_MS);
    struct ingest_item items[2] = {{.body = body}, {.body = "poison"}};
    struct error err = {0};

    (void)state;
    server_kill(server);
    assert_int_equal(take_in(items, 2, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_int_equal(items[0].result, INGEST_PENDING);
    assert_int_equal(items[1].result, INGEST_REJECTED);
    ingest_item_clear(&items[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_doubled_event_is_applied_once),
        cmocka_unit_test(test_versions_in_one_batch_are_all_applied_in_order),
        cmocka_unit_test(test_an_older_event_changes_nothing),
        cmocka_unit_test(test_poison_holds_up_nothing),
        cmocka_unit_test(test_one_too_large_for_the_store_holds_up_nothing),
        cmocka_unit_test(test_what_an_event_does_not_carry_survives),
        cmocka_unit_test(test_a_late_event_revives_nothing_but_a_newer_one_does),
        cmocka_unit_test(test_an_event_older_than_any_tombstone_is_not_believed),
        cmocka_unit_test(test_an_instance_is_a_newcomer_once),
        cmocka_unit_test(test_racing_consumers_end_in_the_truth),
        cmocka_unit_test(test_without_redis_nothing_is_settled),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, begin, end);
}
