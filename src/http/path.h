/*
 * Paths of request URIs, treated as Blox v0.3.0's router (gorilla/mux over Go's net/url) did:
 * decoded first, then cleaned, and encoded again for a Location.
 */
#ifndef BLOX_HTTP_PATH_H
#define BLOX_HTTP_PATH_H

#include "util/strbuf.h"

/* Replaces %XX by its byte. NULL for a broken escape and for %00, which no C string can hold. */
char *path_decode(const char *raw, size_t len) MUST_CHECK;
/* Without empty, "." and ".." segments; a slash at the end stays. path is decoded. */
char *path_clean(const char *path) MUST_CHECK;
/* Adds the path as Go's url.URL prints one: letters, digits and -_.~$&+,/:;=@ as they are. */
void path_encode(const char *path, struct strbuf *out);

/* The value of two hexadecimal digits, or -1. */
int hex_byte(const char digits[2]);

#endif
