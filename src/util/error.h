/* Why something failed: a code for the program and a line of text for people. */
#ifndef BLOX_UTIL_ERROR_H
#define BLOX_UTIL_ERROR_H

#include "util/attr.h"

enum error_code {
    ERR_NONE,
    ERR_INVALID,     /* the caller's input is wrong; HTTP 400; a retry cannot help */
    ERR_DENIED,      /* credentials missing or refused; 403 */
    ERR_NOT_FOUND,   /* 404 */
    ERR_CONFLICT,    /* somebody was first, or the token is stale; 409 */
    ERR_THROTTLED,   /* the peer asks for patience; 429; retry with backoff */
    ERR_UNAVAILABLE, /* the peer is down or late; 503; retry with backoff */
    ERR_PROTOCOL,    /* the peer answered nonsense; 502; retry only what is idempotent */
    ERR_INTERNAL,    /* our own fault; 500 */
};

struct error {
    enum error_code code;
    char text[256]; /* one line of UTF-8 for people; never a secret */
};

/* Keeps the first failure, ignores later ones; always -1, so `return error_set(...)` works.
 * A NULL err is accepted everywhere: the caller does not want to know. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...) PRINTF(3, 4);
/* Puts context and ": " in front of the text and keeps the code; always -1. */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF(2, 3);
/* Makes err ready for another attempt. */
void error_clear(struct error *err);
/* The code as one lower-case word ("not-found"). */
const char *error_code_name(enum error_code code);

#endif
