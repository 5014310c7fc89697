/* Inside the client: what aws.c (the thread, the queue) and call.c (one call's life) share. Only
 * the AWS thread touches it, but for `incoming` and `closed`. */
#ifndef BLOX_AWS_CLIENT_H
#define BLOX_AWS_CLIENT_H

#include <pthread.h>
#include <sys/queue.h>

#include "aws/aws.h"
#include "aws/credential_chain.h"
#include "aws/endpoint.h"
#include "aws/governor.h"
#include "net/fetch.h"

struct call;

/* One who waits for a call. `done` gets an answer of its own, the output still as it came (NULL: it
 * failed), and from then on owns the waiter. */
struct call_waiter {
    STAILQ_ENTRY(call_waiter) link;
    void (*done)(struct call_waiter *waiter, const struct call *call,
                 const struct aws_answer *answer, const char *output, size_t len);
};

enum call_state {
    CALL_NEW,
    CALL_WAITING, /* in the governor's queue */
    CALL_SENT,    /* has a transfer */
    CALL_PAUSED,  /* until resume_mono_ms, then once more */
};

struct call {
    struct governor_ticket ticket; /* first: the governor gives it back */
    TAILQ_ENTRY(call) link;        /* in incoming or calls */
    struct aws *aws;
    const struct service *service;
    char *operation;
    char *input; /* JSON */
    size_t input_len;
    bool write;
    bool (*may_send)(void *ctx);
    void *may_send_ctx;
    const atomic_bool *cancel;
    int64_t deadline_mono_ms;

    enum call_state state;
    struct fetch_transfer *transfer;
    int64_t resume_mono_ms;
    int attempts;
    int64_t sent_us;          /* monotonic: the last of them */
    bool second_chance;       /* was taken: new credentials or a corrected clock */
    struct aws_answer answer; /* of the last attempt */
    STAILQ_HEAD(, call_waiter) waiters;
};

TAILQ_HEAD(calls, call);

struct service {
    const char *name;
    const char *target; /* prefix of X-Amz-Target */
    const char *content_type;
    struct endpoint endpoint;
};

struct aws {
    char *region;
    struct service ecs;
    struct service sqs;
    struct fetch *fetch;
    struct credential_chain *credentials;
    struct governor governor;
    int connections_max;
    int n_sent;
    int64_t skew_ms; /* AWS' clock less ours */
    struct calls calls;

    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    struct calls incoming; /* under the lock */
    bool closing;          /* under the lock: no call is taken any more */
};

/* Copies what the call needs. */
struct call *call_new(struct aws *aws, const struct aws_call *from, struct call_waiter *waiter);
/* Into the governor's queue. */
void call_wait(struct call *call);
/* Whoever waits for `call`, which is new, waits for `twin` from now on. */
void call_join(struct call *call, struct call *twin);
/* Signs and sends. */
void call_send(struct call *call, const struct credentials *credentials);
/* Takes it from wherever it is, tells everybody who waits, and frees it. The failure of an earlier
 * attempt, where there was one, says more than `why`. */
void call_end(struct call *call, const struct error *why);

#endif
