/*
 * Events and described objects, and the exact bytes they become (tests/vectors/events and
 * entities): AWS' published samples, botocore's models, and what must be refused.
 */
#include "vectors.h"

#include "model/event.h"
#include "model/raw.h"
#include "util/js.h"

#define EVENTS_MIN   40
#define ENTITIES_MIN 3

static void compare(const char *name, const char *what, const char *want, const char *got)
{
    if (!want || !streq(want, got)) {
        fail_msg("%s: %s: want\n%s\ngot\n%s", name, what, want ? want : "(no file)", got);
    }
}

static void compare_record(const char *group, const char *name, const struct record *record)
{
    AUTO_CHAR *body = vector_read(group, name, "body");
    AUTO_CHAR *fields = vector_read(group, name, "fields");
    AUTO_CHAR *raw = vector_read(group, name, "raw");
    json_auto_t *want = js_parse(raw ? raw : "", raw ? strlen(raw) : 0, NULL);
    AUTO_STRBUF canonical = {0};

    js_write_canonical(&canonical, want); /* how a number is spelt is the writer's own business */
    compare(name, "body", body, record->body);
    compare(name, "fields", fields, record->fields);
    compare(name, "raw", canonical.text, record->raw);
}

static void check_event(const char *name)
{
    AUTO_CHAR *body = vector_read("events", name, "event.json");
    AUTO_CHAR *stored = vector_read("events", name, "stored.json");
    AUTO_CHAR *rejected = vector_read("events", name, "rejected");
    AUTO_RECORD record = {0};
    struct error err = {0};
    enum event_flaw flaw;
    AUTO(event) *event = event_parse(body, strlen(body), &flaw, &err);
    int outcome = event ? event_record(event, stored, &record, &err) : -1;

    if (rejected) {
        if (outcome == 0 || err.code != ERR_INVALID ||
            strncmp(err.text, rejected, strlen(rejected)) != 0) {
            fail_msg("%s: want \"%s\", got %s", name, rejected, outcome ? err.text : "a record");
        }
        return;
    }
    if (outcome < 0) {
        fail_msg("%s: %s", name, err.text);
    }
    compare_record("events", name, &record);
}

static void check_entity(const char *name)
{
    AUTO_CHAR *text = vector_read("entities", name, "described.json");
    AUTO_CHAR *kind = vector_read("entities", name, "kind");
    AUTO_CHAR *cluster = vector_read("entities", name, "cluster");
    json_auto_t *described = js_parse(text, strlen(text), NULL);
    json_auto_t *before = json_deep_copy(described);
    AUTO_RECORD record = {0};
    struct error err = {0};

    if ((streq(kind, "task") ? task_record(described, cluster, &record, &err)
                             : instance_record(described, cluster, &record, &err)) < 0) {
        fail_msg("%s: %s", name, err.text);
    }
    compare_record("entities", name, &record);
    assert_true(json_equal(described, before)); /* it was only borrowed */
}

static void test_events(void **state)
{
    (void)state;
    assert_true(vector_each("events", check_event) >= EVENTS_MIN);
}

static void test_entities(void **state)
{
    (void)state;
    assert_true(vector_each("entities", check_entity) >= ENTITIES_MIN);
}

static struct event *sample(void)
{
    AUTO_CHAR *body = vector_read("events", "task-sample", "event.json");
    struct error err = {0};
    enum event_flaw flaw;
    struct event *event = event_parse(body, strlen(body), &flaw, &err);

    assert_non_null(event);
    return event;
}

static void test_what_the_envelope_says(void **state)
{
    (void)state;
    AUTO(event) *event = sample();

    assert_int_equal(event->kind, KIND_TASK);
    assert_int_equal(event->version, 4);
    assert_int_equal(event->time_ms, 1481042466000);
    assert_string_equal(event->key, "arn:aws:ecs:us-east-1:111122223333:task/"
                                    "b99d40b3-5176-4f71-9a52-9dbd6f1cebef");
    assert_string_equal(event->cluster, "arn:aws:ecs:us-east-1:111122223333:cluster/default");
}

/* A commit which lost a race reads again and merges again, with the same event. */
static void test_an_event_can_be_merged_again(void **state)
{
    static const char *const versions[] = {"{\"healthStatus\":\"HEALTHY\"}", NULL,
                                           "{\"healthStatus\":\"UNHEALTHY\"}"};
    static const char *const healths[] = {"\tHEALTHY\t", "\t\t", "\tUNHEALTHY\t"};

    (void)state;
    AUTO(event) *event = sample();

    for (size_t v = 0; v < ARRAY_LEN(versions); v++) {
        AUTO_RECORD record = {0};
        struct error err = {0};

        assert_int_equal(event_record(event, versions[v], &record, &err), 0);
        assert_non_null(strstr(record.fields, healths[v]));
    }
}

/* Whatever the store holds, the event alone must do. */
static void test_a_damaged_raw_form_is_replaced(void **state)
{
    static const char *const damaged[] = {"", "{", "[]", "null", "7"};

    (void)state;
    AUTO(event) *event = sample();

    for (size_t d = 0; d < ARRAY_LEN(damaged); d++) {
        AUTO_RECORD record = {0};
        struct error err = {0};

        assert_int_equal(event_record(event, damaged[d], &record, &err), 0);
    }
}

/* A missing member may stand in the store: the event carries less than Describe. */
static void test_what_is_stored_completes_an_event(void **state)
{
    AUTO_CHAR *body = vector_read("events", "rejected-task-without-createdat", "event.json");
    AUTO_RECORD record = {0};
    struct error err = {0};
    enum event_flaw flaw;
    AUTO(event) *event = event_parse(body, strlen(body), &flaw, &err);

    (void)state;
    assert_non_null(event);
    assert_int_equal(
        event_record(event, "{\"createdAt\":\"2016-12-06T16:41:05.702Z\"}", &record, &err), 0);
    assert_non_null(strstr(record.body, "\"createdAt\":\"2016-12-06T16:41:05.702Z\""));
}

static void test_an_instance_needs_its_cluster(void **state)
{
    AUTO_CHAR *text = vector_read("entities", "instance-described", "described.json");
    json_auto_t *described = js_parse(text, strlen(text), NULL);
    AUTO_RECORD record = {0};
    struct error err = {0};

    (void)state;
    assert_int_equal(instance_record(described,
                                     "arn:aws-us-gov:ecs:us-gov-west-1:111122223333:cluster/dev",
                                     &record, &err),
                     -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(task_record(NULL, "", &record, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_entities),
        cmocka_unit_test(test_what_the_envelope_says),
        cmocka_unit_test(test_an_event_can_be_merged_again),
        cmocka_unit_test(test_a_damaged_raw_form_is_replaced),
        cmocka_unit_test(test_what_is_stored_completes_an_event),
        cmocka_unit_test(test_an_instance_needs_its_cluster),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
