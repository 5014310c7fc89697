/* SQS: sending, receiving and deleting messages.
 * Source: SQS API Reference; the shapes are those of the JSON 1.0 protocol. */
#include <string.h>

#include "sim/parts.h"
#include "sim/sqs_queue.h"
#include "util/clock.h"

#define BATCH_MAX      10
#define BODY_LEN_LIMIT (1024 * 1024) /* of a message, and of a batch in all */
#define WAIT_MAX_S     20
#define HIDE_MAX_S     43200
#define DELAY_MAX_S    900

/* ---- input ----------------------------------------------------------------------------------- */

/* An integer within its range, refused in SQS' words. */
static int ranged(struct call *call, const char *key, int64_t fallback, int64_t max, int64_t *out)
{
    if (input_int(call, key, fallback, out) < 0) {
        return -1;
    }
    if (*out < 0 || *out > max) {
        return refuse(call, "InvalidParameterValue",
                      "Value %lld for parameter %s is invalid. Reason: Must be between 0 and "
                      "%lld, if provided.",
                      (long long)*out, key, (long long)max);
    }
    return 0;
}

/* The entries of a batch: 1 to 10, with ids that differ. */
static int input_batch(struct call *call, const json_t **out)
{
    size_t i = 0;
    const json_t *entry = NULL;

    *out = json_object_get(call->input, "Entries");
    if (json_array_size(*out) == 0) {
        return refuse(call, "EmptyBatchRequest",
                      "There should be at least one entry in the request.");
    }
    if (json_array_size(*out) > BATCH_MAX) {
        return refuse(call, "TooManyEntriesInBatchRequest",
                      "Maximum number of entries per request are %d. You have sent %zu.", BATCH_MAX,
                      json_array_size(*out));
    }
    json_array_foreach(*out, i, entry)
    {
        const char *id = json_string_value(json_object_get(entry, "Id"));

        if (!id) {
            return refuse(call, "MissingParameter",
                          "The request must contain the parameter Entries.%zu.Id.", i + 1);
        }
        for (size_t before = 0; before < i; before++) {
            if (streq(id, json_string_value(json_object_get(json_array_get(*out, before), "Id")))) {
                return refuse(call, "BatchEntryIdsNotDistinct", "Id %s repeated.", id);
            }
        }
    }
    return 0;
}

static void emit_failed(struct emit *e, const char *id, const char *code, const char *text)
{
    emit_open(e, NULL, '{');
    emit_text(e, "Id", id);
    emit_bool(e, "SenderFault", true);
    emit_text(e, "Code", code);
    emit_text(e, "Message", text);
    emit_close(e, '}');
}

/* ---- sending --------------------------------------------------------------------------------- */

static int check_body(struct call *call, const json_t *input, const char **body, size_t *len)
{
    const json_t *value = json_object_get(input, "MessageBody");

    if (!json_is_string(value) || json_string_length(value) == 0) {
        return refuse(call, "MissingParameter",
                      "The request must contain the parameter MessageBody.");
    }
    *body = json_string_value(value);
    *len = json_string_length(value);
    if (*len > BODY_LEN_LIMIT) {
        return refuse(call, "InvalidParameterValue",
                      "One or more parameters are invalid. Reason: Message must be shorter than "
                      "%d bytes.",
                      BODY_LEN_LIMIT);
    }
    if (json_object_size(json_object_get(input, "MessageAttributes")) > 0) {
        return refuse(call, "UnsupportedOperation", "Message attributes are not simulated.");
    }
    return 0;
}

static void emit_sent(struct emit *e, const struct message *message)
{
    emit_text(e, "MD5OfMessageBody", message->md5);
    emit_text(e, "MessageId", message->id);
}

static int send_message(struct sim *sim, struct call *call)
{
    const char *body = NULL;
    size_t len = 0;
    int64_t delay_s = -1;
    struct queue *queue = NULL;

    if (check_body(call, call->input, &body, &len) < 0 ||
        (json_object_get(call->input, "DelaySeconds") &&
         ranged(call, "DelaySeconds", 0, DELAY_MAX_S, &delay_s) < 0) ||
        sqs_queue_of(sim, call, &queue) < 0) {
        return -1;
    }
    emit_sent(&call->out, queue_send(&sim->queues, queue, body, len,
                                     (delay_s >= 0 ? delay_s : queue->delay_s) * 1000));
    return 0;
}

static int send_message_batch(struct sim *sim, struct call *call)
{
    const json_t *entries = NULL;
    const json_t *entry = NULL;
    struct queue *queue = NULL;
    const char *body = NULL;
    size_t len = 0;
    size_t total = 0;
    size_t i = 0;

    if (input_batch(call, &entries) < 0 || sqs_queue_of(sim, call, &queue) < 0) {
        return -1;
    }
    json_array_foreach(entries, i, entry)
    {
        if (check_body(call, entry, &body, &len) < 0) {
            return -1;
        }
        total += len;
    }
    if (total > BODY_LEN_LIMIT) {
        return refuse(call, "BatchRequestTooLong",
                      "Batch requests cannot be longer than %d bytes. You have sent %zu bytes.",
                      BODY_LEN_LIMIT, total);
    }
    emit_open(&call->out, "Successful", '[');
    json_array_foreach(entries, i, entry)
    {
        const json_t *text = json_object_get(entry, "MessageBody");
        const json_t *delay = json_object_get(entry, "DelaySeconds");
        int64_t delay_s = delay ? json_integer_value(delay) : queue->delay_s;

        emit_open(&call->out, NULL, '{');
        emit_json(&call->out, "Id", json_object_get(entry, "Id"));
        emit_sent(&call->out, queue_send(&sim->queues, queue, json_string_value(text),
                                         json_string_length(text), delay_s * 1000));
        emit_close(&call->out, '}');
    }
    emit_close(&call->out, ']');
    return 0;
}

/* ---- receiving ------------------------------------------------------------------------------- */

/* The older name of the parameter and the newer one. */
static bool wants(const struct call *call, const char *name)
{
    return sqs_wants(call, "AttributeNames", name) ||
           sqs_wants(call, "MessageSystemAttributeNames", name);
}

static void emit_attribute(struct call *call, const char *name, int64_t value)
{
    if (wants(call, name)) {
        emit_int_as_text(&call->out, name, value);
    }
}

static void emit_message(struct sim *sim, struct call *call, const struct message *message)
{
    struct emit *e = &call->out;
    char receipt[RECEIPT_LEN];

    message_receipt(message, receipt);
    emit_open(e, NULL, '{');
    emit_text(e, "MessageId", message->id);
    emit_text(e, "ReceiptHandle", receipt);
    emit_text(e, "MD5OfBody", message->md5);
    emit_text_len(e, "Body", message->body, message->body_len);
    if (json_object_get(call->input, "AttributeNames") ||
        json_object_get(call->input, "MessageSystemAttributeNames")) {
        emit_open(e, "Attributes", '{');
        if (wants(call, "SenderId")) {
            emit_text(e, "SenderId", sim->options.account);
        }
        emit_attribute(call, "SentTimestamp", message->sent_at_ms);
        emit_attribute(call, "ApproximateReceiveCount", message->receives);
        emit_attribute(call, "ApproximateFirstReceiveTimestamp", message->first_received_at_ms);
        emit_close(e, '}');
    }
    emit_close(e, '}');
}

static int receive_message(struct sim *sim, struct call *call)
{
    struct message *messages[BATCH_MAX];
    struct queue *queue = NULL;
    int64_t max = 0;
    int64_t hide_s = 0;
    int64_t wait_s = 0;

    if (input_int(call, "MaxNumberOfMessages", 1, &max) < 0 ||
        sqs_queue_of(sim, call, &queue) < 0 ||
        ranged(call, "VisibilityTimeout", queue->visibility_s, HIDE_MAX_S, &hide_s) < 0 ||
        ranged(call, "WaitTimeSeconds", queue->wait_s, WAIT_MAX_S, &wait_s) < 0) {
        return -1;
    }
    if (max < 1 || max > BATCH_MAX) {
        return refuse(call, "InvalidParameterValue",
                      "Value %lld for parameter MaxNumberOfMessages is invalid. Reason: Must be "
                      "between 1 and %d, if provided.",
                      (long long)max, BATCH_MAX);
    }
    if (queue->n_in_flight >= QUEUE_IN_FLIGHT_MAX) {
        return refuse_as(call, 403, "OverLimit", "Too many messages in flight.");
    }
    int64_t deadline_ms = clock_mono_ms() + wait_s * 1000;
    size_t n = 0;

    do { /* a message may be gone again, to another or to the dead letters */
        bool waits = wait_s > 0 && TAILQ_EMPTY(&queue->ready);

        if (waits && !queue_wait(&sim->queues, queue, deadline_ms)) {
            break;
        }
        if (waits && server_client_gone(call->request)) {
            pthread_cond_signal(&queue->arrived); /* somebody else takes it */
            break;
        }
        n = queue_receive(&sim->queues, queue, messages, (size_t)max, hide_s * 1000);
    } while (n == 0 && clock_mono_ms() < deadline_ms);
    if (n > 0) {
        emit_open(&call->out, "Messages", '[');
        for (size_t i = 0; i < n; i++) {
            emit_message(sim, call, messages[i]);
        }
        emit_close(&call->out, ']');
    }
    return 0;
}

/* ---- deleting and hiding --------------------------------------------------------------------- */

static const char bad_receipt[] = "The input receipt handle is invalid.";

static int find_message(struct queue *queue, const json_t *input, struct message **out)
{
    const char *receipt = json_string_value(json_object_get(input, "ReceiptHandle"));

    return receipt ? queue_find_receipt(queue, receipt, out) : -1;
}

/* A message that is gone, or whose handle is an older one, counts as deleted. */
static int delete_one(struct queue *queue, const json_t *input)
{
    struct message *message = NULL;

    if (find_message(queue, input, &message) < 0) {
        return -1;
    }
    if (message) {
        queue_remove(queue, message);
        queue->n_deleted++;
    }
    return 0;
}

static int delete_message(struct sim *sim, struct call *call)
{
    struct queue *queue = NULL;

    if (sqs_queue_of(sim, call, &queue) < 0) {
        return -1;
    }
    return delete_one(queue, call->input) < 0
               ? refuse(call, "ReceiptHandleIsInvalid", "%s", bad_receipt)
               : 0;
}

/* NULL when it was done, or the code of the failure. */
static const char *hide_one(struct queue *queue, const json_t *input)
{
    struct message *message = NULL;
    const json_t *hide = json_object_get(input, "VisibilityTimeout");
    int64_t hide_s = json_integer_value(hide);

    if (!json_is_integer(hide) || hide_s < 0 || hide_s > HIDE_MAX_S) {
        return "InvalidParameterValue";
    }
    if (find_message(queue, input, &message) < 0) {
        return "ReceiptHandleIsInvalid";
    }
    if (!message || !message->is_hidden) {
        return "MessageNotInflight";
    }
    queue_hide(queue, message, hide_s * 1000);
    return NULL;
}

static int change_message_visibility(struct sim *sim, struct call *call)
{
    struct queue *queue = NULL;

    if (sqs_queue_of(sim, call, &queue) < 0) {
        return -1;
    }
    const char *failure = hide_one(queue, call->input);

    return failure ? refuse(call, failure, "The message's visibility cannot be changed.") : 0;
}

/* Both batches answer alike: each entry on its own. */
static int run_batch(struct sim *sim, struct call *call,
                     const char *(*act)(struct queue *queue, const json_t *entry))
{
    const json_t *entries = NULL;
    const json_t *entry = NULL;
    struct queue *queue = NULL;
    const char *failures[BATCH_MAX];
    size_t i = 0;
    bool any_failed = false;

    if (input_batch(call, &entries) < 0 || sqs_queue_of(sim, call, &queue) < 0) {
        return -1;
    }
    emit_open(&call->out, "Successful", '[');
    json_array_foreach(entries, i, entry)
    {
        failures[i] = act(queue, entry);
        any_failed |= failures[i] != NULL;
        if (!failures[i]) {
            emit_open(&call->out, NULL, '{');
            emit_json(&call->out, "Id", json_object_get(entry, "Id"));
            emit_close(&call->out, '}');
        }
    }
    emit_close(&call->out, ']');
    emit_open(&call->out, "Failed", '[');
    for (i = 0; any_failed && i < json_array_size(entries); i++) {
        if (failures[i]) {
            emit_failed(&call->out,
                        json_string_value(json_object_get(json_array_get(entries, i), "Id")),
                        failures[i], bad_receipt);
        }
    }
    emit_close(&call->out, ']');
    return 0;
}

static const char *delete_entry(struct queue *queue, const json_t *entry)
{
    return delete_one(queue, entry) < 0 ? "ReceiptHandleIsInvalid" : NULL;
}

static int delete_message_batch(struct sim *sim, struct call *call)
{
    return run_batch(sim, call, delete_entry);
}

static int change_message_visibility_batch(struct sim *sim, struct call *call)
{
    return run_batch(sim, call, hide_one);
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct operation sqs_operations[] = {
    {.name = "ChangeMessageVisibility", .run = change_message_visibility},
    {.name = "ChangeMessageVisibilityBatch", .run = change_message_visibility_batch},
    {.name = "CreateQueue", .run = sqs_create_queue},
    {.name = "DeleteMessage", .run = delete_message},
    {.name = "DeleteMessageBatch", .run = delete_message_batch},
    {.name = "DeleteQueue", .run = sqs_delete_queue},
    {.name = "GetQueueAttributes", .run = sqs_get_queue_attributes},
    {.name = "GetQueueUrl", .run = sqs_get_queue_url},
    {.name = "ListQueues", .run = sqs_list_queues},
    {.name = "PurgeQueue", .run = sqs_purge_queue},
    {.name = "ReceiveMessage", .run = receive_message},
    {.name = "SendMessage", .run = send_message},
    {.name = "SendMessageBatch", .run = send_message_batch},
    {.name = "SetQueueAttributes", .run = sqs_set_queue_attributes},
    {0},
};
