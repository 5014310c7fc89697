/* Inputs and outputs of the SQS operations. */
#include "aws/sqs.h"

#include <assert.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

#define ACCOUNT_LEN   12
#define CALL_MS       10000 /* timeout of a call that does not wait for messages */
#define POLL_EXTRA_MS 5000  /* of a long poll, beyond its wait */

struct sqs_queue {
    struct aws *aws;
    char *name;
    atomic_bool stopped; /* no more receives */
    pthread_mutex_t lock;
    char *url;                     /* under the lock until it is known; NULL before */
    char account[ACCOUNT_LEN + 1]; /* of it, as it was resolved; "" when it has none */
};

/* ---- the queue ------------------------------------------------------------------------------- */

static bool is_url(const char *text)
{
    return strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0;
}

static bool is_name(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]) || text[len] == '-' || text[len] == '_') {
        len++;
    }
    return len > 0 && len <= SQS_QUEUE_NAME_MAX && text[len] == '\0';
}

int sqs_check_name(const char *name_or_url, struct error *err)
{
    if (!is_url(name_or_url) && !is_name(name_or_url)) {
        return error_set(err, ERR_INVALID,
                         "queue \"%.100s\": want a URL, or a name of 1 to 80 of A-Z a-z 0-9 - _",
                         name_or_url);
    }
    return 0;
}

struct sqs_queue *sqs_open(struct aws *aws, const char *name_or_url, struct error *err)
{
    if (sqs_check_name(name_or_url, err) < 0) {
        return NULL;
    }
    struct sqs_queue *queue = xcalloc(1, sizeof(*queue));

    queue->aws = aws;
    queue->name = xstrdup(name_or_url);
    queue->url = is_url(name_or_url) ? xstrdup(name_or_url) : NULL;
    pthread_mutex_init(&queue->lock, NULL);
    return queue;
}

void sqs_queue_free(struct sqs_queue *queue)
{
    if (!queue) {
        return;
    }
    pthread_mutex_destroy(&queue->lock);
    free(queue->name);
    free(queue->url);
    free(queue);
}

void sqs_stop_receiving(struct sqs_queue *queue)
{
    atomic_store(&queue->stopped, true);
    aws_wake(queue->aws);
}

/* Takes input. The answer's output in *output. */
static int call(struct sqs_queue *queue, const char *operation, json_t *input, int timeout_ms,
                const atomic_bool *cancel, json_t **output, struct error *err)
{
    const struct aws_call aws = {
        .service = "sqs",
        .operation = operation,
        .input = input,
        .class = AWS_SQS,
        .timeout_ms = timeout_ms,
        .cancel = cancel,
    };
    struct aws_answer answer = {0};
    int status = aws_call(queue->aws, &aws, &answer, err);

    json_decref(input);
    if (status == 0) {
        *output = TAKE(answer.body);
    } else {
        error_prefix(err, "queue %s", queue->name);
    }
    aws_answer_clear(&answer);
    return status;
}

/* The digits before the name: https://sqs.eu-west-1.amazonaws.com/123456789012/name. Other makers'
 * URLs may have something else there. */
static void find_account(const char *url, char out[ACCOUNT_LEN + 1])
{
    const char *name = strrchr(url, '/');
    const char *account = name && name - url > ACCOUNT_LEN ? name - ACCOUNT_LEN : NULL;

    if (account && account[-1] == '/' && strspn(account, "0123456789") == ACCOUNT_LEN) {
        memcpy(out, account, ACCOUNT_LEN);
    }
}

const char *sqs_own_account(struct sqs_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    const char *account = queue->account[0] ? queue->account : NULL;

    pthread_mutex_unlock(&queue->lock);
    return account;
}

/* The URL, resolved once and then kept; a failure is tried again by the next call. */
static const char *queue_url(struct sqs_queue *queue, const atomic_bool *cancel, struct error *err)
{
    json_auto_t *output = NULL;

    pthread_mutex_lock(&queue->lock);
    const char *known = queue->url;

    pthread_mutex_unlock(&queue->lock);
    if (known) {
        return known;
    }
    if (call(queue, "GetQueueUrl", json_pack("{s:s}", "QueueName", queue->name), CALL_MS, cancel,
             &output, err) < 0) {
        return NULL;
    }
    const char *url = json_string_value(json_object_get(output, "QueueUrl"));

    if (!url) {
        error_set(err, ERR_PROTOCOL, "queue %s: the answer has no QueueUrl", queue->name);
        return NULL;
    }
    pthread_mutex_lock(&queue->lock);
    if (!queue->url) { /* two may have asked */
        queue->url = xstrdup(url);
        find_account(url, queue->account);
    }
    known = queue->url;
    pthread_mutex_unlock(&queue->lock);
    return known;
}

/* ---- receive --------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* SQS gives numbers as texts. */
static int64_t number_of(const json_t *object, const char *name)
{
    return strtoll(text_of(object, name), NULL, 10);
}

static struct sqs_batch *batch_of(json_t *output)
{
    struct sqs_batch *batch = xcalloc(1, sizeof(*batch));
    const json_t *messages = json_object_get(output, "Messages"); /* not there when empty */
    size_t i = 0;
    json_t *message = NULL;

    json_array_foreach(messages, i, message)
    {
        const json_t *attributes = json_object_get(message, "Attributes");

        if (batch->n == SQS_BATCH_MAX) {
            break;
        }
        batch->messages[batch->n++] = (struct sqs_message){
            .id = text_of(message, "MessageId"),
            .receipt = text_of(message, "ReceiptHandle"),
            .body = text_of(message, "Body"),
            .receive_count = (int)number_of(attributes, "ApproximateReceiveCount"),
            .sent_at_ms = number_of(attributes, "SentTimestamp"),
        };
    }
    batch->owner = output;
    return batch;
}

void sqs_batch_free(struct sqs_batch *batch)
{
    if (batch) {
        json_decref(batch->owner);
        free(batch);
    }
}

int sqs_receive(struct sqs_queue *queue, int wait_s, int hide_s, struct sqs_batch **out,
                struct error *err)
{
    json_t *output = NULL;
    const char *url = queue_url(queue, &queue->stopped, err);

    assert(wait_s >= 0 && wait_s <= SQS_WAIT_MAX_S && hide_s >= 0 && hide_s <= SQS_HIDE_MAX_S);
    if (!url) {
        return -1;
    }
    /* MessageSystemAttributeNames is the newer name of AttributeNames; older services know only
     * that one, and every service knows it. */
    json_t *input =
        json_pack("{s:s, s:i, s:i, s:i, s:[s, s]}", "QueueUrl", url, "MaxNumberOfMessages",
                  SQS_BATCH_MAX, "WaitTimeSeconds", wait_s, "VisibilityTimeout", hide_s,
                  "AttributeNames", "ApproximateReceiveCount", "SentTimestamp");

    if (call(queue, "ReceiveMessage", input, wait_s * 1000 + POLL_EXTRA_MS, &queue->stopped,
             &output, err) < 0) {
        return -1;
    }
    *out = batch_of(output);
    return 0;
}

/* ---- delete ---------------------------------------------------------------------------------- */

int sqs_delete_batch(struct sqs_queue *queue, const char *const *receipts, size_t n,
                     struct error *err)
{
    json_auto_t *output = NULL;
    json_auto_t *entries = json_array();
    const char *url = n > 0 ? queue_url(queue, NULL, err) : NULL;

    assert(n <= SQS_BATCH_MAX);
    if (!url) {
        return n > 0 ? -1 : 0;
    }
    for (size_t i = 0; i < n; i++) {
        char id[sizeof("18446744073709551615")];

        snprintf(id, sizeof(id), "%zu", i);
        json_array_append_new(entries,
                              json_pack("{s:s, s:s}", "Id", id, "ReceiptHandle", receipts[i]));
    }
    if (call(queue, "DeleteMessageBatch",
             json_pack("{s:s, s:O}", "QueueUrl", url, "Entries", entries), CALL_MS, NULL, &output,
             err) < 0) {
        return -1;
    }
    const json_t *failed = json_object_get(output, "Failed");
    size_t n_failed = json_array_size(failed);

    if (n_failed == 0) {
        return 0;
    }
    return error_set(err, ERR_UNAVAILABLE, "queue %s: %zu of %zu messages were not deleted: %s",
                     queue->name, n_failed, n, text_of(json_array_get(failed, 0), "Code"));
}

/* ---- how much is in it ----------------------------------------------------------------------- */

int sqs_status(struct sqs_queue *queue, struct sqs_status *out, struct error *err)
{
    json_auto_t *output = NULL;
    const char *url = queue_url(queue, &queue->stopped, err);

    if (!url) {
        return -1;
    }
    json_t *input = json_pack("{s:s, s:[s, s, s]}", "QueueUrl", url, "AttributeNames",
                              "ApproximateNumberOfMessages",
                              "ApproximateNumberOfMessagesNotVisible", "RedrivePolicy");

    if (call(queue, "GetQueueAttributes", input, CALL_MS, &queue->stopped, &output, err) < 0) {
        return -1;
    }
    const json_t *attributes = json_object_get(output, "Attributes");

    *out = (struct sqs_status){
        .waiting = number_of(attributes, "ApproximateNumberOfMessages"),
        .hidden = number_of(attributes, "ApproximateNumberOfMessagesNotVisible"),
        .has_dead_letter = *text_of(attributes, "RedrivePolicy") != '\0',
    };
    return 0;
}
