/* What a create request must look like, and v0.3.0's complaints. */
#include "test.h"

#include "api/environment_request.h"

#define LIST     "validation failure list:\n"
#define NO_GROUP "instanceGroup in body is required"
#define NO_NAME  "name in body is required"
#define NO_TASK  "taskDefinition in body is required"
#define BAD_NAME "name in body should match '^[a-zA-Z0-9-_]{1,30}$'"
#define ALL      LIST NO_GROUP "\n" NO_NAME "\n" NO_TASK

static const struct {
    const char *name;
    const char *body;
    const char *want; /* the 400, or name, cluster and task definition */
} cases[] = {
    {"a good one",
     "{\"name\":\"a\",\"instanceGroup\":{\"cluster\":\"c\"},\"taskDefinition\":\"t\"}", "a c t"},
    {"names match in any case",
     "{\"NAME\":\"a\",\"InstanceGroup\":{\"CLUSTER\":\"c\"},\"taskdefinition\":\"t\"}", "a c t"},
    {"the last one counts",
     "{\"name\":\"a\",\"name\":\"b\",\"instanceGroup\":{},\"taskDefinition\":\"t\"}", "b  t"},
    {"more keys are fine",
     "{\"x\":[1,{}],\"name\":\"a\",\"instanceGroup\":{\"y\":1},\"taskDefinition\":\"\"}", "a  "},
    {"white space around it",
     " \n{\"name\":\"a\",\"instanceGroup\":{},\"taskDefinition\":\"t\"}\r\n\t ", "a  t"},
    {"nothing", "", ALL},
    {"no JSON", "{", ALL},
    {"more than one value", "{} {}", ALL},
    {"null", "null", ALL},
    {"an array", "[]", ALL},
    {"a scalar", "3", ALL},
    {"an empty object", "{}", ALL},
    {"nulls", "{\"name\":null,\"instanceGroup\":null,\"taskDefinition\":null}", ALL},
    {"no name", "{\"instanceGroup\":{},\"taskDefinition\":\"t\"}", LIST NO_NAME},
    {"an empty name", "{\"name\":\"\",\"instanceGroup\":{},\"taskDefinition\":\"t\"}",
     LIST BAD_NAME},
    {"a blank", "{\"name\":\" \",\"instanceGroup\":{},\"taskDefinition\":\"t\"}", LIST BAD_NAME},
    {"a newline behind it", "{\"name\":\"a\\n\",\"instanceGroup\":{},\"taskDefinition\":\"t\"}",
     LIST BAD_NAME},
    {"30 letters",
     "{\"name\":\"012345678901234567890123456789\",\"instanceGroup\":{},\"taskDefinition\":\"t\"}",
     "012345678901234567890123456789  t"},
    {"31 letters",
     "{\"name\":\"0123456789012345678901234567890\",\"instanceGroup\":{},\"taskDefinition\":\"t\"}",
     LIST BAD_NAME},
    {"all of them", "{\"name\":\"a b\"}", LIST NO_GROUP "\n" BAD_NAME "\n" NO_TASK},
    {"wrong types", "{\"name\":1,\"instanceGroup\":[],\"taskDefinition\":{}}",
     LIST "instanceGroup in body must be of type object\nname in body must be of type string\n"
          "taskDefinition in body must be of type string"},
    {"a cluster of a wrong type",
     "{\"name\":\"a\",\"instanceGroup\":{\"cluster\":1},\"taskDefinition\":\"t\"}",
     LIST "instanceGroup.cluster in body must be of type string"},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct environment_request request = {0};
        AUTO_STRBUF got = {0};

        if (environment_request_parse(cases[c].body, strlen(cases[c].body), &request, &got)) {
            strbuf_addf(&got, "%s %s %s", request.name, request.cluster, request.task_definition);
        }
        if (!streq(got.text, cases[c].want)) {
            fail_msg("%s: want \"%s\", got \"%s\"", cases[c].name, cases[c].want, got.text);
        }
        environment_request_clear(&request);
    }
}

/* A C string would end there, and what is looked up would not be what was asked for. */
static void test_a_nul_in_a_text(void **state)
{
    static const char *const bodies[] = {
        "{\"name\":\"a\\u0000b\",\"instanceGroup\":{},\"taskDefinition\":\"t\"}",
        "{\"name\":\"a\",\"instanceGroup\":{\"cluster\":\"a\\u0000\"},\"taskDefinition\":\"t\"}",
        "{\"name\":\"a\",\"instanceGroup\":{},\"taskDefinition\":\"\\u0000\"}",
    };

    (void)state;
    for (size_t b = 0; b < ARRAY_LEN(bodies); b++) {
        struct environment_request request = {0};
        AUTO_STRBUF complaint = {0};

        assert_false(environment_request_parse(bodies[b], strlen(bodies[b]), &request, &complaint));
        assert_non_null(strstr(complaint.text, "must be of type string"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_a_nul_in_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
