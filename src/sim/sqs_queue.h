/* SQS' operations on queues themselves. */
#ifndef BLOX_SIM_SQS_QUEUE_H
#define BLOX_SIM_SQS_QUEUE_H

#include "sim/parts.h"

/* The queue which QueueUrl names, or a refusal. */
int sqs_queue_of(struct sim *sim, struct call *call, struct queue **out) MUST_CHECK;
/* True when the list of names at `key` has this attribute, or "All". */
bool sqs_wants(const struct call *call, const char *key, const char *attribute);

int sqs_create_queue(struct sim *sim, struct call *call);
int sqs_delete_queue(struct sim *sim, struct call *call);
int sqs_get_queue_attributes(struct sim *sim, struct call *call);
int sqs_get_queue_url(struct sim *sim, struct call *call);
int sqs_list_queues(struct sim *sim, struct call *call);
int sqs_purge_queue(struct sim *sim, struct call *call);
int sqs_set_queue_attributes(struct sim *sim, struct call *call);

#endif
