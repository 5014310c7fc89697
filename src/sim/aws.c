/* One call to the simulated AWS: which operation, who calls, what goes wrong, what is answered. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sim/parts.h"
#include "sim/query.h"
#include "sim/texts.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/uuid.h"

#define ECS_TARGET "AmazonEC2ContainerServiceV20141113."
#define SQS_TARGET "AmazonSQS."

enum protocol { PROTOCOL_JSON_11, PROTOCOL_JSON_10, PROTOCOL_QUERY };

/* A call on its way through. */
struct exchange {
    struct sim *sim;
    const struct server_request *request;
    struct server_response *response;
    enum protocol protocol;
    const char *service; /* "ecs" or "sqs" */
    const char *name;    /* of the operation, kept */
    const struct operation *operation;
    json_t *input;
    struct user user; /* who calls */
    struct call call;
    struct call_record record;
    enum fault_kind fault;
    int64_t latency_ms;
    char request_id[UUID_LEN];
};

/* ---- what is called -------------------------------------------------------------------------- */

static const struct operation *find_operation(const struct operation *table, const char *name)
{
    for (const struct operation *each = table; each->name; each++) {
        if (streq(each->name, name)) {
            return each;
        }
    }
    return NULL;
}

/* False when the request speaks neither protocol. */
static bool recognise(struct exchange *x)
{
    const char *target = server_header(x->request, "X-Amz-Target");
    const char *type = server_header(x->request, "Content-Type");

    if (target && strncmp(target, ECS_TARGET, strlen(ECS_TARGET)) == 0) {
        x->protocol = PROTOCOL_JSON_11;
        x->service = "ecs";
        x->name = text_keep(target + strlen(ECS_TARGET));
        x->operation = find_operation(ecs_operations, x->name);
    } else if (target && strncmp(target, SQS_TARGET, strlen(SQS_TARGET)) == 0) {
        x->protocol = PROTOCOL_JSON_10;
        x->service = "sqs";
        x->name = text_keep(target + strlen(SQS_TARGET));
        x->operation = find_operation(sqs_operations, x->name);
    } else if (!target && type && strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0) {
        x->protocol = PROTOCOL_QUERY;
        x->service = "sqs";
        x->input = query_parse(x->request->body);
        const char *action = json_string_value(json_object_get(x->input, "Action"));

        x->name = text_keep(action ? action : "");
        x->operation = find_operation(sqs_operations, x->name);
    } else {
        return false;
    }
    return true;
}

static int read_input(struct exchange *x)
{
    json_error_t why;

    if (x->protocol == PROTOCOL_QUERY) {
        return 0;
    }
    x->input = json_loadb(x->request->body, x->request->body_len, 0, &why);
    if (!json_is_object(x->input)) {
        return refuse(&x->call, "SerializationException", "The body is not a JSON object.");
    }
    return 0;
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

/* 0 when the call may go on. */
static int apply_fault(struct exchange *x)
{
    bool over_quota = streq(x->service, "ecs") && x->sim->settings.quotas &&
                      !quotas_admit(&x->sim->quotas, x->operation->writes);

    if (x->fault == FAULT_THROTTLE || over_quota) {
        return refuse(&x->call, "ThrottlingException", "Rate exceeded");
    }
    if (x->fault == FAULT_ERROR500) {
        return refuse_as(&x->call, 500, "ServerException",
                         "Service Unavailable. Please try again.");
    }
    if (x->fault == FAULT_ACCESS_DENIED) {
        return refuse(&x->call, "AccessDeniedException",
                      "User: %s is not authorized to perform: %s:%s", x->user.arn, x->service,
                      x->name);
    }
    if (x->fault == FAULT_INVALID) {
        return refuse(&x->call, "InvalidParameterException", "Invalid request.");
    }
    return x->fault == FAULT_CLOSE ? -1 : 0;
}

/* ---- the run --------------------------------------------------------------------------------- */

static int run_operation(struct exchange *x)
{
    struct sim *sim = x->sim;
    bool ecs = streq(x->service, "ecs");
    int result = 0;

    emit_open(&x->call.out, NULL, '{');
    if (ecs) {
        world_lock(&sim->world);
    } else {
        queues_lock(&sim->queues);
    }
    result = x->operation->run(sim, &x->call);
    if (ecs) {
        world_unlock(&sim->world);
    } else {
        queues_unlock(&sim->queues);
    }
    emit_close(&x->call.out, '}');
    return result;
}

static void spend_ms(int64_t ms)
{
    if (ms > 0) { /* even a sleep of nothing costs a timer */
        clock_sleep_ms(ms);
    }
}

static int run(struct exchange *x)
{
    if (auth_check(x->sim, x->request, x->service, &x->user, NULL, &x->call.refusal) < 0) {
        return -1;
    }
    if (!x->operation) {
        return refuse(&x->call, "UnknownOperationException", "The operation %.100s is not known.",
                      x->name);
    }
    x->latency_ms =
        streq(x->service, "ecs") ? x->sim->settings.latency_ms : x->sim->settings.sqs_latency_ms;
    x->fault = faults_strike_call(&x->sim->faults, x->service, x->name, &x->latency_ms);
    spend_ms(x->latency_ms / 2); /* the way there */
    if (apply_fault(x) < 0 || read_input(x) < 0) {
        return -1;
    }
    x->call.input = x->input;
    return run_operation(x);
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* How SQS' query protocol, and the header that bridges the two, call a failure. */
static const char *query_code(const char *code)
{
    static const struct {
        const char *json;
        const char *query;
    } codes[] = {
        {"AccessDeniedException", "AccessDenied"},
        {"BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"},
        {"BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong"},
        {"EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"},
        {"IncompleteSignatureException", "IncompleteSignature"},
        {"InvalidSignatureException", "SignatureDoesNotMatch"},
        {"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"},
        {"MissingAuthenticationTokenException", "MissingAuthenticationToken"},
        {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"},
        {"QueueNameExists", "QueueAlreadyExists"},
        {"SerializationException", "MalformedInput"},
        {"ServerException", "InternalFailure"},
        {"ThrottlingException", "RequestThrottled"},
        {"TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"},
        {"UnknownOperationException", "InvalidAction"},
        {"UnrecognizedClientException", "InvalidClientTokenId"},
        {"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"},
    };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (streq(code, codes[i].json)) {
            return codes[i].query;
        }
    }
    return code;
}

static struct server_header *add_header(struct exchange *x, const char *name)
{
    struct server_header *header = &x->response->headers[x->response->n_headers++];

    header->name = name;
    return header;
}

static void answer_refusal(struct exchange *x)
{
    const struct refusal *refusal = &x->call.refusal;
    struct emit e = {.out = &x->response->body};
    bool sqs = x->protocol == PROTOCOL_JSON_10;
    char type[128];

    /* ECS answers 400 where SQS answers 403. */
    x->response->status =
        refusal->status == 403 && x->protocol == PROTOCOL_JSON_11 ? 400 : refusal->status;
    if (x->protocol == PROTOCOL_QUERY) {
        query_error(refusal->status, query_code(refusal->code), refusal->text, x->request_id,
                    e.out);
        return;
    }
    snprintf(type, sizeof(type), "%s%s", sqs ? "com.amazonaws.sqs#" : "", refusal->code);
    if (sqs) {
        struct server_header *header = add_header(x, "x-amzn-query-error");

        snprintf(header->value, sizeof(header->value), "%s;%s", query_code(refusal->code),
                 refusal->status < 500 ? "Sender" : "Receiver");
    }
    emit_open(&e, NULL, '{');
    emit_text(&e, "__type", type);
    emit_text(&e, "message", refusal->text);
    emit_close(&e, '}');
}

static void answer_output(struct exchange *x)
{
    if (x->protocol == PROTOCOL_QUERY) {
        json_t *output = json_loadb(x->call.out.out->text, x->call.out.out->len, 0, NULL);

        query_answer(x->name, output, x->request_id, &x->response->body);
        json_decref(output);
    } else {
        x->response->body = *x->call.out.out;
        *x->call.out.out = (struct strbuf){0};
    }
}

static void answer(struct exchange *x, int result)
{
    static const char *const types[] = {"application/x-amz-json-1.1", "application/x-amz-json-1.0",
                                        "text/xml"};
    struct server_header *header = add_header(x, "x-amzn-RequestId");

    snprintf(header->value, sizeof(header->value), "%s", x->request_id);
    x->response->content_type = types[x->protocol];
    if (result < 0) {
        answer_refusal(x);
    } else {
        answer_output(x);
    }
}

/* ---- the record ------------------------------------------------------------------------------ */

static void note_details(struct exchange *x)
{
    const json_t *instances = json_object_get(x->input, "containerInstances");
    const json_t *started_by = json_object_get(x->input, "startedBy");
    const json_t *task = json_object_get(x->input, "task");
    size_t i = 0;
    const json_t *each = NULL;

    if (!streq(x->service, "ecs")) {
        return;
    }
    json_array_foreach(instances, i, each)
    {
        const char *arn = json_string_value(each);

        if (arn && x->record.n_instances < CALL_INSTANCES_MAX) {
            x->record.instances[x->record.n_instances++] = text_keep(arn);
        }
    }
    x->record.started_by = text_keep(json_string_value(started_by));
    x->record.task = text_keep(json_string_value(task));
}

static void record(struct exchange *x, int result)
{
    if (!x->input) { /* refused before it was read */
        x->input = json_loadb(x->request->body, x->request->body_len, 0, NULL);
    }
    note_details(x);
    x->record.service = x->service;
    x->record.operation = x->operation ? x->name : "?";
    x->record.status = x->response->drop ? 0 : x->response->status;
    x->record.error = result < 0 ? x->call.refusal.code : NULL;
    x->record.fault = x->fault ? fault_kind_name(x->fault) : NULL;
    x->record.took_us = clock_mono_us() - x->record.mono_us;
    calls_add(&x->sim->calls, &x->record);
    log_debug("call", "service=%s operation=%s status=%d error=%s took_us=%lld", x->service,
              x->record.operation, x->record.status, x->record.error ? x->record.error : "",
              (long long)x->record.took_us);
}

void aws_handle(struct sim *sim, const struct server_request *request,
                struct server_response *response)
{
    AUTO_STRBUF output = {0};
    struct exchange x = {
        .sim = sim,
        .request = request,
        .response = response,
        .call = {.request = request, .out = {.out = &output}},
        .record = {.wall_us = clock_wall_ms() * 1000, .mono_us = clock_mono_us()},
    };

    uuid_make(x.request_id);
    if (!recognise(&x)) {
        response->status = 404;
        response->content_type = "application/x-amz-json-1.1";
        strbuf_add_text(&response->body, "{\"__type\":\"UnknownOperationException\"}");
        return;
    }
    int result = run(&x);

    spend_ms(x.latency_ms - x.latency_ms / 2); /* the way back */
    response->drop = x.fault == FAULT_CLOSE || x.fault == FAULT_LOST_ANSWER;
    if (!response->drop) {
        answer(&x, result);
    }
    record(&x, result);
    json_decref(x.input);
}
