/*
 * Who may call ECS now: a token bucket for reads and one for writes, adapted to throttling, and in
 * front of each a queue in order of class. Pure: time is an argument, nothing waits here.
 *
 * The order is strict: a class waits while a higher one has anything waiting in the same bucket.
 */
#ifndef BLOX_AWS_GOVERNOR_H
#define BLOX_AWS_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "aws/aws.h"

/* One call that waits; lives in what the owner queues. */
struct governor_ticket {
    TAILQ_ENTRY(governor_ticket) link;
    enum aws_class class;
    bool write;
};

TAILQ_HEAD(governor_queue, governor_ticket);

struct governor_bucket {
    struct aws_quota quota;
    double rate; /* tokens a second now: at most the quota's, less after throttling */
    double tokens;
    int64_t at_ms;                          /* tokens are as of then */
    int64_t slowed_at_ms;                   /* the last throttling that counted */
    struct governor_queue waiting[AWS_SQS]; /* one a class */
    size_t n_waiting;                       /* in all of them */
};

struct governor {
    struct governor_bucket reads;
    struct governor_bucket writes;
    struct governor_queue free; /* AWS_SQS: not governed */
};

void governor_init(struct governor *governor, struct aws_quota reads, struct aws_quota writes,
                   int64_t now_ms);
/* At the end of its class' queue. */
void governor_add(struct governor *governor, struct governor_ticket *ticket);
void governor_remove(struct governor *governor, struct governor_ticket *ticket);
/* Takes the ticket that may go now, with its token, out of its queue; NULL when none may. */
struct governor_ticket *governor_next(struct governor *governor, int64_t now_ms);
/* Tokens and rate as of now, to be looked at. */
void governor_refill(struct governor *governor, int64_t now_ms);
/* Until governor_next has something to give: 0 now, -1 when nothing waits. */
int64_t governor_wait_ms(struct governor *governor, int64_t now_ms);
/* ECS said ThrottlingException to a call: its bucket is emptied and its rate goes down; it comes
 * back up bit by bit. */
void governor_throttled(struct governor *governor, bool write, int64_t now_ms);

#endif
