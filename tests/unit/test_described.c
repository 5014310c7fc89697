/*
 * The raw form told in the shape of ECS' JSON protocol (tests/vectors/described): what botocore's
 * model and AWS' samples have, and what an event did not say.
 */
#include "vectors.h"

#include "model/described.h"
#include "util/js.h"

#define VECTORS_MIN 4
#define RUNNING     3 /* tasks on every instance here */
#define PENDING     1

static json_t *read_json(const char *group, const char *name, const char *file)
{
    AUTO_CHAR *text = vector_read(group, name, file);
    struct error err = {0};
    json_t *json = text ? js_parse(text, strlen(text), &err) : NULL;

    if (!json) {
        fail_msg("%s: %s: %s", name, file, text ? err.text : "missing");
    }
    return json;
}

static void tell(json_t *raw, bool with_all)
{
    const struct described_instance more = {RUNNING, PENDING, with_all, with_all};

    if (json_object_get(raw, "taskArn")) {
        described_task(raw, with_all);
    } else {
        described_instance(raw, &more);
    }
}

static void compare(const char *name, const json_t *want, const json_t *got)
{
    AUTO_STRBUF want_text = {0}, got_text = {0};

    js_write_canonical(&want_text, want);
    js_write_canonical(&got_text, got);
    if (!streq(want_text.text, got_text.text)) {
        fail_msg("%s: want\n%s\ngot\n%s", name, want_text.text, got_text.text);
    }
}

static void check(const char *name)
{
    json_auto_t *raw = read_json("described", name, "raw");
    json_auto_t *want = read_json("described", name, "want.json");

    tell(raw, true);
    compare(name, want, raw);
}

static void test_vectors(void **state)
{
    (void)state;
    assert_true(vector_each("described", check) >= VECTORS_MIN);
}

static void test_tags_and_health_are_for_who_asks(void **state)
{
    static const char text[] = "{\"tags\":[{\"key\":\"a\",\"value\":\"b\"}],"
                               "\"healthStatus\":{\"overallStatus\":\"OK\"}}";
    json_auto_t *instance = js_parse(text, strlen(text), NULL);
    json_auto_t *task = js_parse(text, strlen(text), NULL);

    (void)state;
    json_object_set_new(task, "taskArn", json_string("arn"));
    tell(instance, false);
    tell(task, false);
    assert_int_equal(json_array_size(json_object_get(instance, "tags")), 0);
    assert_int_equal(json_array_size(json_object_get(task, "tags")), 0);
    assert_null(json_object_get(instance, "healthStatus"));
    assert_non_null(json_object_get(task, "healthStatus"));
}

/* Whatever the store holds: nothing of it is trusted to have the shape we expect. */
static void test_odd_forms_do_no_harm(void **state)
{
    static const char *const odd[] = {
        "{}",
        "{\"taskArn\":1,\"containers\":7,\"createdAt\":7}",
        "{\"taskArn\":\"\",\"containers\":[7,null,[]],\"createdAt\":{\"startedAt\":null}}",
        "{\"registeredResources\":{},\"remainingResources\":[7,[]],\"tags\":7}",
    };

    (void)state;
    for (size_t o = 0; o < ARRAY_LEN(odd); o++) {
        json_auto_t *raw = js_parse(odd[o], strlen(odd[o]), NULL);

        assert_non_null(raw);
        tell(raw, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_tags_and_health_are_for_who_asks),
        cmocka_unit_test(test_odd_forms_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
