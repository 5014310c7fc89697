/* Token buckets and class queues; additive increase, multiplicative decrease. */
#include "aws/governor.h"

#include <math.h>

#define SLOW_FACTOR    0.6  /* of the rate, when throttled */
#define SLOW_EVERY_MS  1000 /* calls throttled together count once */
#define RATE_SHARE_MIN 0.05 /* of the quota's rate: however slow, never silent */
#define RECOVERY_SHARE 0.05 /* of the quota's rate, gained in each second without throttling */

static void bucket_init(struct governor_bucket *bucket, struct aws_quota quota, int64_t now_ms)
{
    *bucket = (struct governor_bucket){
        .quota = quota,
        .rate = quota.rate,
        .tokens = quota.burst,
        .at_ms = now_ms,
        .slowed_at_ms = now_ms - SLOW_EVERY_MS,
    };
    for (size_t c = 0; c < ARRAY_LEN(bucket->waiting); c++) {
        TAILQ_INIT(&bucket->waiting[c]);
    }
}

void governor_init(struct governor *governor, struct aws_quota reads, struct aws_quota writes,
                   int64_t now_ms)
{
    bucket_init(&governor->reads, reads, now_ms);
    bucket_init(&governor->writes, writes, now_ms);
    TAILQ_INIT(&governor->free);
}

/* NULL for a call which is not governed. */
static struct governor_bucket *bucket_of(struct governor *governor,
                                         const struct governor_ticket *ticket)
{
    return ticket->class == AWS_SQS ? NULL : ticket->write ? &governor->writes : &governor->reads;
}

void governor_add(struct governor *governor, struct governor_ticket *ticket)
{
    struct governor_bucket *bucket = bucket_of(governor, ticket);

    if (bucket) {
        TAILQ_INSERT_TAIL(&bucket->waiting[ticket->class], ticket, link);
        bucket->n_waiting++;
    } else {
        TAILQ_INSERT_TAIL(&governor->free, ticket, link);
    }
}

void governor_remove(struct governor *governor, struct governor_ticket *ticket)
{
    struct governor_bucket *bucket = bucket_of(governor, ticket);

    if (bucket) {
        TAILQ_REMOVE(&bucket->waiting[ticket->class], ticket, link);
        bucket->n_waiting--;
    } else {
        TAILQ_REMOVE(&governor->free, ticket, link);
    }
}

/* Tokens and rate as of now. */
static void refill(struct governor_bucket *bucket, int64_t now_ms)
{
    double seconds = (double)(now_ms - bucket->at_ms) / 1000;

    if (seconds <= 0) {
        return;
    }
    bucket->tokens = fmin(bucket->quota.burst, bucket->tokens + seconds * bucket->rate);
    bucket->rate =
        fmin(bucket->quota.rate, bucket->rate + seconds * bucket->quota.rate * RECOVERY_SHARE);
    bucket->at_ms = now_ms;
}

static struct governor_queue *first_waiting(struct governor_bucket *bucket)
{
    for (size_t c = 0; c < ARRAY_LEN(bucket->waiting); c++) {
        if (!TAILQ_EMPTY(&bucket->waiting[c])) {
            return &bucket->waiting[c];
        }
    }
    return NULL;
}

static struct governor_ticket *pop(struct governor_queue *queue)
{
    struct governor_ticket *ticket = TAILQ_FIRST(queue);

    if (ticket) {
        TAILQ_REMOVE(queue, ticket, link);
    }
    return ticket;
}

static struct governor_ticket *bucket_next(struct governor_bucket *bucket, int64_t now_ms)
{
    struct governor_queue *queue = first_waiting(bucket);

    refill(bucket, now_ms);
    if (!queue || bucket->tokens < 1) {
        return NULL;
    }
    bucket->tokens -= 1;
    bucket->n_waiting--;
    return pop(queue);
}

struct governor_ticket *governor_next(struct governor *governor, int64_t now_ms)
{
    struct governor_ticket *ticket = pop(&governor->free);

    if (!ticket) {
        ticket = bucket_next(&governor->writes, now_ms);
    }
    if (!ticket) {
        ticket = bucket_next(&governor->reads, now_ms);
    }
    return ticket;
}

static int64_t bucket_wait_ms(struct governor_bucket *bucket, int64_t now_ms)
{
    if (!first_waiting(bucket)) {
        return -1;
    }
    refill(bucket, now_ms);
    return bucket->tokens >= 1 ? 0 : (int64_t)ceil((1 - bucket->tokens) / bucket->rate * 1000);
}

int64_t governor_wait_ms(struct governor *governor, int64_t now_ms)
{
    int64_t writes = bucket_wait_ms(&governor->writes, now_ms);
    int64_t reads = bucket_wait_ms(&governor->reads, now_ms);

    if (!TAILQ_EMPTY(&governor->free)) {
        return 0;
    }
    if (writes < 0 || reads < 0) {
        return writes < 0 ? reads : writes;
    }
    return writes < reads ? writes : reads;
}

void governor_refill(struct governor *governor, int64_t now_ms)
{
    refill(&governor->reads, now_ms);
    refill(&governor->writes, now_ms);
}

void governor_throttled(struct governor *governor, bool write, int64_t now_ms)
{
    struct governor_bucket *bucket = write ? &governor->writes : &governor->reads;

    refill(bucket, now_ms);
    bucket->tokens = fmin(bucket->tokens, 0);
    if (now_ms - bucket->slowed_at_ms >= SLOW_EVERY_MS) {
        bucket->rate = fmax(bucket->rate * SLOW_FACTOR, bucket->quota.rate * RATE_SHARE_MIN);
        bucket->slowed_at_ms = now_ms;
    }
}
