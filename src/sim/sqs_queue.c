/* SQS: making queues, finding them, and their attributes. */
#include "sim/sqs_queue.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define NAME_LEN_MAX   80
#define LIST_MAX       1000
#define RECEIVES_LIMIT 1000 /* of maxReceiveCount */

/* ---- URLs ------------------------------------------------------------------------------------ */

static void emit_url(struct sim *sim, struct call *call, const char *key, const char *name)
{
    const char *host = server_header(call->request, "Host");
    AUTO_CHAR *url =
        xasprintf("http://%s/%s/%s", host ? host : sim->options.listen, sim->options.account, name);

    emit_text(&call->out, key, url);
}

static int refuse_unknown(struct call *call)
{
    return refuse(call, "QueueDoesNotExist", "The specified queue does not exist.");
}

int sqs_queue_of(struct sim *sim, struct call *call, struct queue **out)
{
    const char *url = json_string_value(json_object_get(call->input, "QueueUrl"));
    const char *slash = url ? strrchr(url, '/') : NULL;

    if (!url) {
        return refuse(call, "MissingParameter", "The request must contain the parameter QueueUrl.");
    }
    *out = queue_find(&sim->queues, slash ? slash + 1 : url);
    return *out ? 0 : refuse_unknown(call);
}

/* ---- attributes ------------------------------------------------------------------------------ */

struct number_attribute {
    const char *name;
    size_t offset; /* of an int in struct queue */
    int min;
    int max;
};

static const struct number_attribute number_attributes[] = {
    {"VisibilityTimeout", offsetof(struct queue, visibility_s), 0, 43200},
    {"ReceiveMessageWaitTimeSeconds", offsetof(struct queue, wait_s), 0, 20},
    {"DelaySeconds", offsetof(struct queue, delay_s), 0, 900},
    {"MessageRetentionPeriod", offsetof(struct queue, retention_s), 60, 1209600},
};

/* Known, and without effect here. */
static const char *const idle_attributes[] = {"Policy", "KmsMasterKeyId", "MaximumMessageSize",
                                              "SqsManagedSseEnabled",
                                              "KmsDataKeyReusePeriodSeconds"};

static int *number_of(struct queue *queue, const struct number_attribute *attribute)
{
    return (int *)(void *)((char *)queue + attribute->offset);
}

static int refuse_value(struct call *call, const char *name)
{
    return refuse(call, "InvalidAttributeValue", "Invalid value for the parameter %s.", name);
}

/* {"deadLetterTargetArn": "...", "maxReceiveCount": 5}; the count may be a text, too. */
static int set_redrive(struct call *call, struct queue *queue, const char *policy)
{
    json_t *parsed = json_loads(policy, 0, NULL);
    const char *target = json_string_value(json_object_get(parsed, "deadLetterTargetArn"));
    const json_t *count = json_object_get(parsed, "maxReceiveCount");
    const char *name = target ? strrchr(target, ':') : NULL;
    long long max = json_is_string(count) ? atoll(json_string_value(count))
                                          : (long long)json_integer_value(count);
    int result = -1;

    if (!*policy) {
        queue->receives_max = 0;
        result = 0;
    } else if (!name || max < 1 || max > RECEIVES_LIMIT) {
        refuse_value(call, "RedrivePolicy");
    } else {
        free(queue->dead_letter_name);
        queue->dead_letter_name = xstrdup(name + 1);
        queue->receives_max = (int)max;
        result = 0;
    }
    json_decref(parsed);
    return result;
}

static int set_one(struct call *call, struct queue *queue, const char *name, const char *value)
{
    if (!value) {
        return refuse_value(call, name);
    }
    if (streq(name, "RedrivePolicy")) {
        return set_redrive(call, queue, value);
    }
    for (size_t i = 0; i < ARRAY_LEN(number_attributes); i++) {
        const struct number_attribute *each = &number_attributes[i];
        char *end = NULL;
        long number = strtol(value, &end, 10);

        if (!streq(name, each->name)) {
            continue;
        }
        if (*end != '\0' || end == value || number < each->min || number > each->max) {
            return refuse_value(call, name);
        }
        *number_of(queue, each) = (int)number;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(idle_attributes); i++) {
        if (streq(name, idle_attributes[i])) {
            return 0;
        }
    }
    return refuse(call, "InvalidAttributeName", "Unknown Attribute %s.", name);
}

static int set_all(struct call *call, struct queue *queue)
{
    json_t *attributes = json_object_get(call->input, "Attributes");
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(attributes, name, value)
    {
        if (set_one(call, queue, name, json_string_value(value)) < 0) {
            return -1;
        }
    }
    return 0;
}

int sqs_set_queue_attributes(struct sim *sim, struct call *call)
{
    struct queue *queue = NULL;

    return sqs_queue_of(sim, call, &queue) < 0 ? -1 : set_all(call, queue);
}

bool sqs_wants(const struct call *call, const char *key, const char *attribute)
{
    size_t i = 0;
    const json_t *each = NULL;

    json_array_foreach(json_object_get(call->input, key), i, each)
    {
        const char *wanted = json_string_value(each);

        if (wanted && (streq(wanted, "All") || streq(wanted, attribute))) {
            return true;
        }
    }
    return false;
}

static bool wants(const struct call *call, const char *attribute)
{
    return sqs_wants(call, "AttributeNames", attribute);
}

static void emit_number(struct call *call, const char *name, int64_t value)
{
    if (wants(call, name)) {
        emit_int_as_text(&call->out, name, value);
    }
}

static void emit_redrive(struct sim *sim, struct call *call, const struct queue *queue)
{
    const struct queue *grave =
        queue->dead_letter_name ? queue_find(&sim->queues, queue->dead_letter_name) : NULL;

    if (queue->receives_max && grave && wants(call, "RedrivePolicy")) {
        AUTO_CHAR *policy = xasprintf("{\"deadLetterTargetArn\":\"%s\",\"maxReceiveCount\":%d}",
                                      grave->arn, queue->receives_max);

        emit_text(&call->out, "RedrivePolicy", policy);
    }
}

int sqs_get_queue_attributes(struct sim *sim, struct call *call)
{
    struct queue *queue = NULL;

    if (sqs_queue_of(sim, call, &queue) < 0) {
        return -1;
    }
    emit_open(&call->out, "Attributes", '{');
    if (wants(call, "QueueArn")) {
        emit_text(&call->out, "QueueArn", queue->arn);
    }
    emit_number(call, "ApproximateNumberOfMessages", (int64_t)queue->n_ready);
    emit_number(call, "ApproximateNumberOfMessagesNotVisible", (int64_t)queue->n_in_flight);
    emit_number(call, "ApproximateNumberOfMessagesDelayed", (int64_t)queue->n_delayed);
    emit_number(call, "CreatedTimestamp", queue->created_at_ms / 1000);
    emit_number(call, "LastModifiedTimestamp", queue->created_at_ms / 1000);
    emit_number(call, "MaximumMessageSize", 1024 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(number_attributes); i++) {
        emit_number(call, number_attributes[i].name, *number_of(queue, &number_attributes[i]));
    }
    emit_redrive(sim, call, queue);
    emit_close(&call->out, '}');
    return 0;
}

/* ---- queues ---------------------------------------------------------------------------------- */

static bool name_is_valid(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_') {
            return false;
        }
    }
    return len > 0 && len <= NAME_LEN_MAX;
}

/* True when an attribute is asked for which the queue has otherwise. */
static bool differs(struct queue *queue, const struct call *call)
{
    const json_t *attributes = json_object_get(call->input, "Attributes");

    for (size_t i = 0; i < ARRAY_LEN(number_attributes); i++) {
        const char *wanted =
            json_string_value(json_object_get(attributes, number_attributes[i].name));

        if (wanted && atoi(wanted) != *number_of(queue, &number_attributes[i])) {
            return true;
        }
    }
    return false;
}

int sqs_create_queue(struct sim *sim, struct call *call)
{
    const char *name = json_string_value(json_object_get(call->input, "QueueName"));

    if (!name || !name_is_valid(name)) {
        return refuse(call, "InvalidParameterValue",
                      "Can only include alphanumeric characters, hyphens, or underscores. 1 to "
                      "%d in length",
                      NAME_LEN_MAX);
    }
    struct queue *queue = queue_find(&sim->queues, name);

    if (queue && differs(queue, call)) {
        return refuse(call, "QueueNameExists",
                      "A queue already exists with the same name and a different value for an "
                      "attribute.");
    }
    if (!queue) {
        queue = queue_make(&sim->queues, name);
        if (set_all(call, queue) < 0) {
            queue_delete(&sim->queues, queue);
            return -1;
        }
    }
    emit_url(sim, call, "QueueUrl", name);
    return 0;
}

int sqs_delete_queue(struct sim *sim, struct call *call)
{
    struct queue *queue = NULL;

    if (sqs_queue_of(sim, call, &queue) < 0) {
        return -1;
    }
    queue_delete(&sim->queues, queue);
    return 0;
}

int sqs_purge_queue(struct sim *sim, struct call *call)
{
    struct queue *queue = NULL;

    if (sqs_queue_of(sim, call, &queue) < 0) {
        return -1;
    }
    queue_purge(queue);
    return 0;
}

int sqs_get_queue_url(struct sim *sim, struct call *call)
{
    const char *name = json_string_value(json_object_get(call->input, "QueueName"));
    const char *owner = json_string_value(json_object_get(call->input, "QueueOwnerAWSAccountId"));

    if (!name || !queue_find(&sim->queues, name) ||
        (owner && !streq(owner, sim->options.account))) {
        return refuse_unknown(call);
    }
    emit_url(sim, call, "QueueUrl", name);
    return 0;
}

int sqs_list_queues(struct sim *sim, struct call *call)
{
    const char *prefix = json_string_value(json_object_get(call->input, "QueueNamePrefix"));
    size_t n = 0;

    emit_open(&call->out, "QueueUrls", '[');
    for (const struct queue *q = sim->queues.by_name; q && n < LIST_MAX; q = q->hh.next) {
        if (!prefix || strncmp(q->name, prefix, strlen(prefix)) == 0) {
            emit_url(sim, call, NULL, q->name);
            n++;
        }
    }
    emit_close(&call->out, ']');
    return 0;
}
