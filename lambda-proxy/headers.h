/*
 * Headers on their way through the proxy: which of them pass, in either direction, and what a name
 * or value may contain.
 *
 * Between the client and the backend lie two connections, so what belongs to one of them
 * (RFC 9110 7.6.1) passes in neither direction. What the client says of itself with our own names
 * (X-Blox-*), of its own signature or of those before us does not pass either.
 */
#ifndef BLOX_LAMBDA_PROXY_HEADERS_H
#define BLOX_LAMBDA_PROXY_HEADERS_H

#include <stdbool.h>

#include "util/attr.h"
#include "util/error.h"

#define HEADERS_MAX 100 /* in one message */
/* Bytes of names and values together. The gateway lets 10,240 of the client's through and adds some
 * of its own (Via, X-Forwarded-*, CloudFront-*). */
#define HEADERS_LEN_MAX (16 * 1024)

struct header {
    char *name;
    char *value;
};

struct headers { /* in the order they came; a name may come again */
    struct header *items;
    size_t n;
    size_t len; /* bytes of names and values */
};

/* `AUTO_HEADERS all = {0};` is cleared with the scope. */
#define AUTO_HEADERS __attribute__((cleanup(headers_clear))) struct headers

void headers_clear(struct headers *headers);

/*
 * Adds a copy. ERR_INVALID, with a text that names the header but not its value: the name is no
 * token (RFC 9110 5.6.2), the value has a control character other than a tab (CR and LF would begin
 * another header), or the message has more than HEADERS_MAX or HEADERS_LEN_MAX.
 */
int headers_add(struct headers *headers, const char *name, const char *value,
                struct error *err) MUST_CHECK;
/* The last one of that name in any spelling, or NULL. */
const char *headers_last(const struct headers *headers, const char *name);
/* All of that name, joined by ", "; NULL when there is none. */
char *headers_joined(const struct headers *headers, const char *name);

/* Removes what does not pass from a client to the backend, and from the backend to the client. */
void headers_clean_request(struct headers *headers);
void headers_clean_answer(struct headers *headers);

/* Whether a value stays one value: no control character but a tab. */
bool header_value_is_valid(const char *value);

#endif
