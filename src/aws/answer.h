/* What an answer of AWS means: its error code and text, and whether a repeat makes sense. Pure. */
#ifndef BLOX_AWS_ANSWER_H
#define BLOX_AWS_ANSWER_H

#include "aws/aws.h"

enum answer_kind {
    ANSWER_OK,
    ANSWER_THROTTLED, /* did not happen; slower please */
    ANSWER_EXPIRED,   /* did not happen; other credentials may help */
    ANSWER_SKEWED,    /* did not happen; our clock may be wrong */
    ANSWER_REFUSED,   /* did not happen; a repeat gets the same */
    ANSWER_FAILED,    /* 5xx or nonsense: may have happened */
};

/* The parts of an HTTP answer that matter; texts may be NULL. */
struct answer_parts {
    int status;
    const char *error_type;  /* x-amzn-errortype */
    const char *query_error; /* x-amzn-query-error, of services that once spoke XML */
    const char *request_id;  /* x-amzn-requestid */
    const char *body;
    size_t body_len;
};

/* Fills in http_status, request_id and, for a failure, code, message and err. */
enum answer_kind answer_read(const struct answer_parts *parts, struct aws_answer *answer);
/* Parses a success into answer->body; -1 and answer->err when it is no JSON object. */
int answer_parse(struct aws_answer *answer, const char *body, size_t len);

#endif
