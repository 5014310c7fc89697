/* The read operations of ECS, answered from our copy: `POST /` as AWS' SDKs and CLI send it. */
#include "api/ecs_reads.h"

#include <assert.h>
#include <stdarg.h>

#include "util/js.h"
#include "util/log.h"
#include "util/mem.h"

#define TARGET_PREFIX "AmazonEC2ContainerServiceV20141113."
#define CONTENT_TYPE  "application/x-amz-json-1.1"
#define OUR_FAULT     "ServerException"

static const struct {
    const char *name;
    ecs_operation *answer;
} operations[] = {
    {"DescribeClusters", ecs_answer_describe_clusters},
    {"DescribeContainerInstances", ecs_answer_describe_container_instances},
    {"DescribeTasks", ecs_answer_describe_tasks},
    {"ListClusters", ecs_answer_list_clusters},
    {"ListContainerInstances", ecs_answer_list_container_instances},
    {"ListTasks", ecs_answer_list_tasks},
};

/* The verbs with which the names of ECS' writing operations begin, those to come included. */
static const char *const writing[] = {"Create",   "Delete", "Deregister", "Execute", "Put",
                                      "Register", "Run",    "Start",      "Stop",    "Submit",
                                      "Tag",      "Untag",  "Update",     NULL};

/* ---- refusals -------------------------------------------------------------------------------- */

int ecs_refuse(struct ecs_call *call, const char *code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    AUTO_CHAR *text = xvasprintf(fmt, args);
    va_end(args);
    strbuf_reset(&call->text);
    strbuf_add_text(&call->text, text);
    call->code = code;
    return -1;
}

int ecs_fail(struct ecs_call *call, const struct error *why)
{
    log_warn("ecs-read.failed", "operation=%s code=%s text=\"%s\"", call->operation,
             error_code_name(why->code), why->text);
    return ecs_refuse(call, OUR_FAULT, "Service Unavailable. Please try again later.");
}

/* ---- which operation ------------------------------------------------------------------------- */

bool has_ecs_target(const struct http_request *req)
{
    return *req->amz_target != '\0';
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int refuse_operation(struct ecs_call *call)
{
    for (const char *const *verb = writing; *verb; verb++) {
        if (begins(call->operation, *verb)) {
            return ecs_refuse(call, "AccessDeniedException",
                              "Blox only reads: it answers from its own copy of the cluster state "
                              "and changes nothing at ECS. Send %.100s to Amazon ECS itself.",
                              call->operation);
        }
    }
    return ecs_refuse(call, "UnknownOperationException",
                      "Blox does not know the operation %.100s: it lists and describes clusters, "
                      "container instances and tasks. Ask Amazon ECS itself for anything else.",
                      call->operation);
}

static int run(struct ecs_call *call)
{
    for (size_t o = 0; o < ARRAY_LEN(operations); o++) {
        if (!streq(call->operation, operations[o].name)) {
            continue;
        }
        return json_is_object(call->input)
                   ? operations[o].answer(call)
                   : ecs_refuse(call, "SerializationException", "The body is not a JSON object.");
    }
    return refuse_operation(call);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void write_refusal(const char *code, const char *text, struct strbuf *out)
{
    strbuf_add_char(out, '{');
    js_write_key(out, "__type");
    js_write_string(out, code);
    js_write_key(out, "message");
    js_write_string(out, text);
    strbuf_add_char(out, '}');
}

static void reply(const struct ecs_call *call, const struct http_request *req,
                  struct http_response *resp)
{
    AUTO_STRBUF body = {0};
    int status = !call->code ? 200 : streq(call->code, OUR_FAULT) ? 500 : 400;

    if (call->code) {
        write_refusal(call->code, call->text.text, &body);
    } else {
        js_write_canonical(&body, call->output);
    }
    if (*req->id) {
        http_set_header(resp, "x-amzn-RequestId", "%s", req->id);
    }
    http_reply_body(resp, status, CONTENT_TYPE, &body);
}

void ecs_reply_forbidden(struct http_response *resp)
{
    AUTO_STRBUF body = {0};

    write_refusal("AccessDeniedException", "Forbidden", &body);
    http_reply_body(resp, 403, CONTENT_TYPE, &body);
}

int answer_ecs_read(struct api *api, const struct http_request *req, struct http_response *resp,
                    struct error *err)
{
    bool is_ecs = begins(req->amz_target, TARGET_PREFIX);
    json_auto_t *input = js_parse(req->body, req->body_len, NULL);
    json_auto_t *output = json_object();
    struct ecs_call call = {
        .api = api,
        .operation = is_ecs ? req->amz_target + strlen(TARGET_PREFIX) : req->amz_target,
        .input = input,
        .output = output,
    };

    (void)err;
    int outcome = run(&call);

    assert((outcome < 0) == (call.code != NULL));
    reply(&call, req, resp);
    strbuf_clear(&call.text);
    return 0;
}
