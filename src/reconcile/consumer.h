/*
 * The consumer: ECS' events from the queue into the store. Several threads, each of which receives
 * ten messages, has them committed (see reconcile/convoy.h), and deletes what is done with. Every
 * process consumes, whoever has the lease.
 *
 * An applied event is deleted, and so is a stale one. One which can never be applied is counted,
 * logged once, and left to the queue's dead-letter policy; where there is none it is deleted. While
 * Redis is away messages stay in the queue.
 */
#ifndef BLOX_RECONCILE_CONSUMER_H
#define BLOX_RECONCILE_CONSUMER_H

#include "aws/aws.h"
#include "aws/sqs.h"
#include "reconcile/drift.h"
#include "store/store.h"

#define CONSUMER_POLLERS     24 /* at 10 ms a call: 24 x 10 messages in about 25 ms */
#define CONSUMER_POLLERS_MAX 64

struct consumer;

struct consumer_options {
    struct aws *aws;     /* kept, like all of these: they must outlive the consumer */
    const char *queue;   /* name or URL; also v0.3.0's sqs://name */
    struct store *store; /* */
    struct drift *drift; /* asked for a pass where an event is too old to be trusted; or NULL */
    int pollers;         /* 1 to CONSUMER_POLLERS_MAX; 0 means CONSUMER_POLLERS */
};

/* Whether options.queue is one of its forms: ERR_INVALID if not. */
int consumer_check_queue(const char *queue, struct error *err) MUST_CHECK;
/* Starts the threads, which retry for ever; a queue which does not exist yet is logged. Errors:
 * ERR_INVALID for a queue which is neither a name nor a URL. */
struct consumer *consumer_open(const struct consumer_options *options,
                               struct error *err) MUST_CHECK;
/* Ends the long polls, finishes the batches in hand, joins the threads. */
void consumer_free(struct consumer *consumer);
AUTO_DEFINE(consumer);

#endif
