/*
 * AWS Signature Version 4. The stages are separate so that each can be compared with published
 * values, and so that the simulator can verify with the same canonical forms.
 * Source: IAM User Guide, "Create a signed AWS API request".
 */
#ifndef BLOX_AWS_SIGV4_H
#define BLOX_AWS_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "util/strbuf.h"

struct sigv4_header {
    const char *name; /* any case */
    const char *value;
};

struct sigv4_request {
    const char *method;
    const char *path;                   /* as on the wire, percent-encoded; "" means "/" */
    const char *query;                  /* as on the wire without "?"; "" or NULL for none */
    const struct sigv4_header *headers; /* those to be signed, host and x-amz-date among them */
    size_t n_headers;
    const void *body;
    size_t body_len;
};

struct sigv4_scope {
    const char *region;
    const char *service;
    char date[17]; /* "20150830T123600Z" */
};

#define SIGV4_SIGNATURE_LEN 65 /* 64 hexadecimal digits and a NUL */

void sigv4_date(int64_t at_ms, char out[17]);
void sigv4_canonical_request(const struct sigv4_request *request, struct strbuf *out);
void sigv4_string_to_sign(const struct sigv4_scope *scope, const char *canonical_request,
                          struct strbuf *out);
void sigv4_signature(const struct sigv4_scope *scope, const char *secret,
                     const char *string_to_sign, char out[SIGV4_SIGNATURE_LEN]);
/* The whole Authorization value. */
void sigv4_authorization(const struct sigv4_request *request, const struct sigv4_scope *scope,
                         const char *access_key_id, const char *secret, struct strbuf *out);

#endif
