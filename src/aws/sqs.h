/* One queue of Amazon SQS, in JSON 1.0: receive, delete, and how much is in it. */
#ifndef BLOX_AWS_SQS_H
#define BLOX_AWS_SQS_H

#include <stdbool.h>
#include <stdint.h>

#include "aws/aws.h"

#define SQS_BATCH_MAX      10    /* messages in one receive or delete */
#define SQS_WAIT_MAX_S     20    /* of a long poll */
#define SQS_HIDE_MAX_S     43200 /* 12 hours */
#define SQS_QUEUE_NAME_MAX 80

struct sqs_queue; /* one queue in one region; opaque, safe to use from several threads */

/* Whether it can be a queue's name or URL: ERR_INVALID if not. */
int sqs_check_name(const char *name_or_url, struct error *err) MUST_CHECK;

/*
 * By name or URL. Nothing is sent yet: a name is resolved by the first call that needs it, so a
 * queue which does not exist yet is that call's error (ERR_NOT_FOUND, the text names it) and may be
 * tried again. `aws` is kept and must outlive the queue. Errors: ERR_INVALID.
 */
struct sqs_queue *sqs_open(struct aws *aws, const char *name_or_url, struct error *err) MUST_CHECK;
void sqs_queue_free(struct sqs_queue *queue); /* nobody may be inside a call any more */
AUTO_DEFINE(sqs_queue);

/* Whose the queue is, which is who we are: known once a queue given by name has been resolved,
 * since SQS looks for it in the caller's account. NULL: not known. */
const char *sqs_own_account(struct sqs_queue *queue);

/* Ends receives and sqs_status under way and makes later ones return at once, all with
 * ERR_UNAVAILABLE; for a prompt stop. Deletes go on. From any thread. */
void sqs_stop_receiving(struct sqs_queue *queue);

struct sqs_message {
    const char *id;
    const char *receipt; /* what a delete needs */
    const char *body;
    int receive_count;  /* 1 the first time; 0 when SQS did not say */
    int64_t sent_at_ms; /* 0 when SQS did not say */
};

struct sqs_batch {
    struct sqs_message messages[SQS_BATCH_MAX];
    size_t n;
    json_t *owner; /* of the texts */
};
void sqs_batch_free(struct sqs_batch *batch);
AUTO_DEFINE(sqs_batch);

/*
 * Waits up to wait_s seconds (0 to 20) for up to 10 messages and hides each of them from other
 * consumers for hide_s seconds (0 to 43200).
 *
 * Gives the messages in *out, to be freed with sqs_batch_free; an empty batch is a success.
 * Errors: ERR_NOT_FOUND, ERR_DENIED, ERR_THROTTLED, ERR_UNAVAILABLE, ERR_PROTOCOL; *out is then
 * untouched. Source: SQS API Reference, ReceiveMessage.
 */
int sqs_receive(struct sqs_queue *queue, int wait_s, int hide_s, struct sqs_batch **out,
                struct error *err) MUST_CHECK;

/* Deletes up to SQS_BATCH_MAX messages in one call. -1 also when SQS refused some of them: those
 * come again. Deleting twice is harmless. */
int sqs_delete_batch(struct sqs_queue *queue, const char *const *receipts, size_t n,
                     struct error *err) MUST_CHECK;

struct sqs_status {
    int64_t waiting;      /* messages to be had, about */
    int64_t hidden;       /* messages somebody works on, about */
    bool has_dead_letter; /* a RedrivePolicy: messages received too often move away */
};
int sqs_status(struct sqs_queue *queue, struct sqs_status *out, struct error *err) MUST_CHECK;

#endif
