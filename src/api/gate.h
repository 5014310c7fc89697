/* Who is let in to a handler: plan/admission.h decides; keys, log and store are here. */
#ifndef BLOX_API_GATE_H
#define BLOX_API_GATE_H

#include "http/message.h"
#include "util/error.h"

struct service;

struct gate_options {
    const char *key_file;  /* NULL: none */
    const char *keys;      /* the same as a text; NULL: none. With neither everybody is let in */
    const char *operators; /* lists of patterns (plan/callers.h), or NULL */
    const char *viewers;
};

/* In the supervisor, before it forks. Errors: ERR_INVALID. */
struct gate *gate_open(const struct gate_options *options, struct error *err) MUST_CHECK;
void gate_free(struct gate *gate);
AUTO_DEFINE(gate);
/* In the supervisor, now and then: so that a worker which comes later begins with the latest keys,
 * and so that somebody hears of a file that cannot be used. */
void gate_watch(struct gate *gate);

/* Whether the request may go on: req->actor then says for whom, and where nobody was asked the
 * identity is empty. Else the refusal is in resp. */
bool gate_admits(struct gate *gate, const struct service *service, struct http_request *req,
                 struct http_response *resp) MUST_CHECK;
/* In a worker, now and then: so that it hears of other keys although no request comes. */
void gate_refresh(struct gate *gate);
/* Changes whenever the keys do; 0 where there are none. Any thread. */
uint64_t gate_generation(const struct gate *gate);
/* Whether the keys of now have what was granted; notes in it that they were asked. */
bool gate_upholds(struct gate *gate, struct http_grant *grant) MUST_CHECK;
/* For a request which was admitted, right before its handler: one that changes something was not
 * here before. Else the refusal is in resp. */
bool gate_is_first(struct gate *gate, const struct service *service, struct http_request *req,
                   struct http_response *resp) MUST_CHECK;

#endif
