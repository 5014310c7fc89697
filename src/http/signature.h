/*
 * Requests which say who sends them: an HMAC-SHA256 over the request and the identity headers, with
 * a secret that sender and receiver share.
 *
 *     X-Blox-Timestamp: 1751441862       unix seconds
 *     X-Blox-Key-Id: proxy-1             whose secret it is
 *     X-Blox-Caller-Arn: ...             for whom the sender speaks; this and the next four may
 *     X-Blox-Caller-Account: ...         be absent
 *     X-Blox-Caller-Id: ...
 *     X-Blox-Source-Ip: ...
 *     X-Blox-Api-Request-Id: ...
 *     X-Blox-Signature: v1=<hex>         64 lower-case hexadecimal digits
 *
 * Signed is the text
 *
 *     v1\n <timestamp>\n <METHOD>\n <path and query as sent>\n <sha256 of the body, in hex>\n
 *     <key id>\n <caller ARN>\n <account>\n <caller id>\n <source ip>\n <API request id>\n
 *
 * without the blanks; an absent header counts as an empty one. No field can hold a line feed, so no
 * two requests have the same text.
 */
#ifndef BLOX_HTTP_SIGNATURE_H
#define BLOX_HTTP_SIGNATURE_H

#include <stdbool.h>

#include "util/crypto.h"
#include "util/strbuf.h"

#define SIGNATURE_WINDOW_S 300 /* how far the sender's clock may be off, either way */
#define SIGNATURE_PREFIX   "v1="
#define SIGNATURE_LEN      (sizeof(SIGNATURE_PREFIX) - 1 + SHA256_HEX_LEN) /* with the NUL */
#define TIMESTAMP_LEN_MAX  12                                              /* digits */

/* The identity headers. NULL is the same as "". */
struct signature_identity {
    const char *key_id;
    const char *caller_arn;
    const char *caller_account;
    const char *caller_id;
    const char *source_ip;
    const char *api_request_id;
};

struct signature_request {
    const char *timestamp;
    const char *method;
    const char *target; /* path and query as on the request line */
    const void *body;
    size_t body_len;
    struct signature_identity identity;
};

/* Adds the text that is signed. False, and nothing is added, when a field has a control character
 * (a line feed would end it early) or timestamp, method or target are missing or empty. */
bool signature_text(const struct signature_request *req, struct strbuf *out) MUST_CHECK;
/* Writes the value of X-Blox-Signature. False where signature_text says so. */
bool signature_make(const struct signature_request *req, const char *secret,
                    char out[SIGNATURE_LEN]) MUST_CHECK;
/* Whether `signature` is the one which `secret` makes. Takes the same time wherever they differ. */
bool signature_is_right(const struct signature_request *req, const char *secret,
                        const char *signature) MUST_CHECK;
/* Whether the timestamp is a plain decimal number within SIGNATURE_WINDOW_S of now. */
bool signature_is_timely(const char *timestamp, int64_t now_s) MUST_CHECK;

#endif
