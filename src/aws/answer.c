/* Reads the errors of the JSON protocols and sorts them by what can be done about them. */
#include "aws/answer.h"

#include <stdio.h>

#include "util/js.h"

/* Spelt differently by different services; also the codes that come from the front doors. */
static const char *const throttled[] = {
    "EC2ThrottledException",
    "LimitExceededException.Throttling",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
};
static const char *const expired[] = {
    "ExpiredToken",         "ExpiredTokenException",       "InvalidClientTokenId",
    "TokenRefreshRequired", "UnrecognizedClientException",
};
static const char *const skewed[] = {
    "InvalidSignatureException", "RequestExpired",        "RequestInTheFuture",
    "RequestTimeTooSkewed",      "SignatureDoesNotMatch",
};
static const char *const not_found[] = {
    "ClusterNotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "ServiceNotFoundException",
    "AWS.SimpleQueueService.NonExistentQueue",
};
static const char *const conflict[] = {"ResourceInUseException", "UpdateInProgressException"};

static bool is_one_of(const char *code, const char *const *codes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (streq(code, codes[i])) {
            return true;
        }
    }
    return false;
}

#define IS_ONE_OF(code, codes) is_one_of((code), (codes), ARRAY_LEN(codes))

/* "com.amazon.coral.service#Code" and "Code:http://..." are both "Code". */
static void copy_code(char out[64], const char *text)
{
    const char *hash = strrchr(text, '#');
    const char *start = hash ? hash + 1 : text;

    snprintf(out, 64, "%.*s", (int)strcspn(start, ":;"), start);
}

static const char *text_of(const json_t *object, const char *name, const char *other_name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : json_string_value(json_object_get(object, other_name));
}

static void read_failure(const struct answer_parts *parts, struct aws_answer *answer)
{
    json_auto_t *body = json_loadb(parts->body, parts->body_len, 0, NULL);
    const char *type = text_of(body, "__type", "code");
    const char *message = text_of(body, "message", "Message");

    if (parts->error_type) {
        type = parts->error_type;
    }
    if (type) {
        copy_code(answer->code, type);
    } else if (parts->query_error) {
        copy_code(answer->code, parts->query_error);
    }
    snprintf(answer->message, sizeof(answer->message), "%s", message ? message : "");
}

static enum error_code error_code_of(const struct aws_answer *answer, enum answer_kind kind)
{
    if (kind == ANSWER_THROTTLED) {
        return ERR_THROTTLED;
    }
    if (kind == ANSWER_FAILED) {
        return answer->http_status >= 500 ? ERR_UNAVAILABLE : ERR_PROTOCOL;
    }
    if (IS_ONE_OF(answer->code, not_found) || answer->http_status == 404) {
        return ERR_NOT_FOUND;
    }
    if (IS_ONE_OF(answer->code, conflict) || answer->http_status == 409) {
        return ERR_CONFLICT;
    }
    if (kind != ANSWER_REFUSED || answer->http_status == 403 || answer->http_status == 401 ||
        strncmp(answer->code, "AccessDenied", 12) == 0) {
        return ERR_DENIED;
    }
    return ERR_INVALID;
}

static enum answer_kind kind_of(const struct aws_answer *answer)
{
    if (IS_ONE_OF(answer->code, throttled) || answer->http_status == 429) {
        return ANSWER_THROTTLED;
    }
    if (answer->http_status < 400 || answer->http_status >= 500) {
        return ANSWER_FAILED;
    }
    if (IS_ONE_OF(answer->code, expired)) {
        return ANSWER_EXPIRED;
    }
    return IS_ONE_OF(answer->code, skewed) ? ANSWER_SKEWED : ANSWER_REFUSED;
}

enum answer_kind answer_read(const struct answer_parts *parts, struct aws_answer *answer)
{
    answer->http_status = parts->status;
    snprintf(answer->request_id, sizeof(answer->request_id), "%s",
             parts->request_id ? parts->request_id : "");
    if (parts->status >= 200 && parts->status < 300) {
        return ANSWER_OK;
    }
    read_failure(parts, answer);
    enum answer_kind kind = kind_of(answer);
    char what[sizeof("HTTP status 2147483648")];

    snprintf(what, sizeof(what), "HTTP status %d", parts->status);
    error_set(&answer->err, error_code_of(answer, kind), "%s%s%s (request id %s)",
              answer->code[0] ? answer->code : what, answer->message[0] ? ": " : "",
              answer->message, answer->request_id[0] ? answer->request_id : "none");
    return kind;
}

int answer_parse(struct aws_answer *answer, const char *body, size_t len)
{
    if (len == 0) { /* operations without output */
        answer->body = json_object();
        return 0;
    }
    answer->body = js_parse(body, len, NULL);
    if (json_is_object(answer->body)) {
        return 0;
    }
    json_decref(answer->body);
    answer->body = NULL;
    return error_set(&answer->err, ERR_PROTOCOL, "the answer is no JSON object (request id %s)",
                     answer->request_id[0] ? answer->request_id : "none");
}

void aws_answer_clear(struct aws_answer *answer)
{
    if (answer) {
        json_decref(answer->body);
        *answer = (struct aws_answer){0};
    }
}
