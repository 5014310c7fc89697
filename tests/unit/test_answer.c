/* What the answers of AWS mean. */
#include "test.h"

#include "aws/answer.h"

static const struct {
    const char *name;
    struct answer_parts parts;
    enum answer_kind kind;
    enum error_code error;
    const char *code;
    const char *message;
} cases[] = {
    {"a success", {.status = 200, .body = "{}"}, ANSWER_OK, ERR_NONE, "", ""},
    {"a code with its service in front",
     {.status = 400,
      .body = "{\"__type\": \"com.amazonaws.ecs#ClusterNotFoundException\", \"message\": \"no\"}"},
     ANSWER_REFUSED,
     ERR_NOT_FOUND,
     "ClusterNotFoundException",
     "no"},
    {"a bare code, and Message in capitals",
     {.status = 400, .body = "{\"__type\": \"InvalidParameterException\", \"Message\": \"bad\"}"},
     ANSWER_REFUSED,
     ERR_INVALID,
     "InvalidParameterException",
     "bad"},
    {"the header's code wins, without the address behind it",
     {.status = 400,
      .error_type = "ClientException:http://internal.amazon.com/coral/",
      .body = "{\"__type\": \"Other\"}"},
     ANSWER_REFUSED,
     ERR_INVALID,
     "ClientException",
     ""},
    {"throttling is a 400 at ECS",
     {.status = 400,
      .body = "{\"__type\": \"ThrottlingException\", \"message\": \"Rate exceeded\"}"},
     ANSWER_THROTTLED,
     ERR_THROTTLED,
     "ThrottlingException",
     "Rate exceeded"},
    {"429 without a code", {.status = 429, .body = ""}, ANSWER_THROTTLED, ERR_THROTTLED, "", ""},
    {"503 SlowDown did not happen",
     {.status = 503, .body = "{\"__type\": \"SlowDown\"}"},
     ANSWER_THROTTLED,
     ERR_THROTTLED,
     "SlowDown",
     ""},
    {"a queue that is not there, in the words of JSON",
     {.status = 400,
      .query_error = "AWS.SimpleQueueService.NonExistentQueue;Sender",
      .body = "{\"__type\": \"com.amazonaws.sqs#QueueDoesNotExist\", \"message\": \"no queue\"}"},
     ANSWER_REFUSED,
     ERR_NOT_FOUND,
     "QueueDoesNotExist",
     "no queue"},
    {"a queue that is not there, in the words of XML",
     {.status = 400,
      .query_error = "AWS.SimpleQueueService.NonExistentQueue;Sender",
      .body = "{\"message\": \"no queue\"}"},
     ANSWER_REFUSED,
     ERR_NOT_FOUND,
     "AWS.SimpleQueueService.NonExistentQueue",
     "no queue"},
    {"no permission",
     {.status = 400, .body = "{\"__type\": \"AccessDeniedException\", \"Message\": \"User: x\"}"},
     ANSWER_REFUSED,
     ERR_DENIED,
     "AccessDeniedException",
     "User: x"},
    {"403 whatever it says", {.status = 403, .body = "<x/>"}, ANSWER_REFUSED, ERR_DENIED, "", ""},
    {"expired credentials",
     {.status = 400, .body = "{\"__type\": \"ExpiredTokenException\"}"},
     ANSWER_EXPIRED,
     ERR_DENIED,
     "ExpiredTokenException",
     ""},
    {"unknown credentials",
     {.status = 400, .body = "{\"__type\": \"UnrecognizedClientException\"}"},
     ANSWER_EXPIRED,
     ERR_DENIED,
     "UnrecognizedClientException",
     ""},
    {"a clock that is wrong",
     {.status = 403, .body = "{\"__type\": \"InvalidSignatureException\"}"},
     ANSWER_SKEWED,
     ERR_DENIED,
     "InvalidSignatureException",
     ""},
    {"a server's failure",
     {.status = 500, .body = "{\"__type\": \"ServerException\", \"message\": \"oh\"}"},
     ANSWER_FAILED,
     ERR_UNAVAILABLE,
     "ServerException",
     "oh"},
    {"a proxy's failure",
     {.status = 502, .body = "<html>"},
     ANSWER_FAILED,
     ERR_UNAVAILABLE,
     "",
     ""},
    {"a redirect", {.status = 302, .body = ""}, ANSWER_FAILED, ERR_PROTOCOL, "", ""},
    {"types that are no texts",
     {.status = 400, .body = "{\"__type\": 7, \"message\": []}"},
     ANSWER_REFUSED,
     ERR_INVALID,
     "",
     ""},
};

static void test_answers(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct answer_parts parts = cases[c].parts;
        struct aws_answer answer = {0};

        parts.body_len = strlen(parts.body);
        enum answer_kind kind = answer_read(&parts, &answer);

        if (kind != cases[c].kind || answer.err.code != cases[c].error ||
            !streq(answer.code, cases[c].code) || !streq(answer.message, cases[c].message) ||
            answer.http_status != parts.status) {
            fail_msg("%s: got kind %d, %s, code \"%s\", message \"%s\"", cases[c].name, kind,
                     error_code_name(answer.err.code), answer.code, answer.message);
        }
    }
}

static void test_texts_are_for_people(void **state)
{
    struct aws_answer answer = {0};
    const char *body = "{\"__type\": \"ThrottlingException\", \"message\": \"Rate exceeded\"}";

    (void)state;
    answer_read(
        &(struct answer_parts){
            .status = 400, .request_id = "r-1", .body = body, .body_len = strlen(body)},
        &answer);
    assert_string_equal(answer.err.text, "ThrottlingException: Rate exceeded (request id r-1)");
    assert_string_equal(answer.request_id, "r-1");
    answer = (struct aws_answer){0};
    answer_read(&(struct answer_parts){.status = 502, .body = "", .body_len = 0}, &answer);
    assert_string_equal(answer.err.text, "HTTP status 502 (request id none)");
}

static void test_outputs(void **state)
{
    struct aws_answer answer = {0};

    (void)state;
    assert_int_equal(answer_parse(&answer, "{\"a\": 1}", 8), 0);
    assert_int_equal(json_integer_value(json_object_get(answer.body, "a")), 1);
    aws_answer_clear(&answer);
    assert_int_equal(answer_parse(&answer, "", 0), 0);
    assert_true(json_is_object(answer.body));
    aws_answer_clear(&answer);
    assert_int_equal(answer_parse(&answer, "[1]", 3), -1);
    assert_int_equal(answer.err.code, ERR_PROTOCOL);
    assert_null(answer.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_texts_are_for_people),
        cmocka_unit_test(test_outputs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
