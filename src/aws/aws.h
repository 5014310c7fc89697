/*
 * Calls to AWS: one thread with all transfers, a credential chain, a signer and a governor. Calls
 * come from any thread, to wait for or with a function to call when done.
 */
#ifndef BLOX_AWS_AWS_H
#define BLOX_AWS_AWS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"

/* Who goes first when the call budget is short; SQS has no budget. */
enum aws_class {
    AWS_IN_DOUBT, /* listings which settle a start in doubt */
    AWS_HEALING,
    AWS_HEALTH,
    AWS_PLACING,
    AWS_ROLLING,
    AWS_DRIFT,
    AWS_REQUEST, /* on behalf of an API client */
    AWS_SQS,     /* not governed */
};

/* One quota class' token bucket: `burst` tokens at most, `rate` more each second. */
struct aws_quota {
    double burst;
    double rate;
};

struct aws_options {
    const char *region;       /* --region, or AWS_REGION, AWS_DEFAULT_REGION, the profile's */
    const char *endpoint;     /* AWS_ENDPOINT_URL or NULL */
    const char *endpoint_ecs; /* AWS_ENDPOINT_URL_ECS or NULL */
    const char *endpoint_sqs; /* AWS_ENDPOINT_URL_SQS or NULL */
    const char *profile;      /* AWS_PROFILE or NULL */
    const char *user_agent;
    struct aws_quota reads;  /* zero means the default: 100 and 20/s */
    struct aws_quota writes; /* zero means the default: 100 and 40/s */
    int connections_max;     /* transfers at once; 0 means the default of 64 */
};

struct aws *aws_open(const struct aws_options *options, struct error *err) MUST_CHECK;
/* What aws_open would say of region, endpoints and credentials, for a process that must not have
 * threads. */
int aws_check(const struct aws_options *options, struct error *err) MUST_CHECK;
const char *aws_region(const struct aws *aws);
void aws_free(struct aws *aws); /* ends what is under way; each gets its answer (ERR_UNAVAILABLE) */
AUTO_DEFINE(aws);

/* One call in JSON 1.1 (ECS) or 1.0 (SQS). Everything is copied by aws_call and aws_submit. */
struct aws_call {
    const char *service;   /* "ecs" or "sqs" */
    const char *operation; /* "StartTask" */
    json_t *input;         /* borrowed */
    enum aws_class class;
    int timeout_ms; /* in all: waiting for the governor, retries and the last try */
    bool write;     /* it changes something at ECS: libcurl must not re-send it, and we retry it
                       only when it certainly did not happen */
    bool (*may_send)(void *ctx); /* asked by the AWS thread right before a byte is handed over (the
                                    lease check); NULL: always. False ends the call: ERR_CONFLICT */
    void *ctx;
    const atomic_bool *cancel; /* or NULL; once true (then aws_wake) it ends: ERR_UNAVAILABLE */
};

struct aws_answer {
    struct error err;  /* ERR_NONE: body is the output */
    bool in_doubt;     /* a write which may or may not have taken effect */
    int http_status;   /* 0 when none came */
    char code[64];     /* AWS' error code without prefix ("ClusterNotFoundException"), or "" */
    char message[256]; /* AWS' text, or "" */
    char request_id[64];
    json_t *body;             /* the parsed output; NULL on error */
    int64_t deadline_mono_ms; /* of the call: after it, ECS cannot see this request any more */
};
void aws_answer_clear(struct aws_answer *answer);

/* Waits for the answer. 0 and a body, or -1 with err set like answer->err. */
int aws_call(struct aws *aws, const struct aws_call *call, struct aws_answer *answer,
             struct error *err) MUST_CHECK;
/* Does not wait: `done`, which may take the body, is called once, from the AWS thread: be short. */
void aws_submit(struct aws *aws, const struct aws_call *call,
                void (*done)(void *ctx, struct aws_answer *answer), void *ctx);
/* Lets the AWS thread look at the calls' cancel flags. */
void aws_wake(struct aws *aws);

#endif
