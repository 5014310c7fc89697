/* Base64 (RFC 4648 4), with padding and without line breaks. */
#ifndef BLOX_UTIL_BASE64_H
#define BLOX_UTIL_BASE64_H

#include "util/strbuf.h"

/* len: up to 1 GiB. */
void base64_encode(const void *bytes, size_t len, struct strbuf *out);
/* Adds the bytes which text stands for. False, and nothing is added, when it is no base64: a
 * foreign character, padding that is missing or misplaced, bits behind the end. */
bool base64_decode(const char *text, size_t len, struct strbuf *out) MUST_CHECK;

#endif
