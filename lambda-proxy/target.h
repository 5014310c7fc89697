/* Path and query of an event, encoded again for a request line. */
#ifndef BLOX_LAMBDA_PROXY_TARGET_H
#define BLOX_LAMBDA_PROXY_TARGET_H

#include <stdbool.h>

#include "util/strbuf.h"

/*
 * Adds the path. Valid %XX stay, so that a path which the gateway did not decode is not encoded
 * twice; whatever may not stand in a path (RFC 3986 3.3) becomes %XX.
 */
void target_add_path(struct strbuf *out, const char *path);
/* Adds a parameter behind "?" or "&". Name and value are decoded; all but the unreserved
 * characters (RFC 3986 2.3) are encoded. */
void target_add_parameter(struct strbuf *out, const char *name, const char *value);
/* Whether the path is one of the streams', however it is written. */
bool target_is_stream(const char *path);

#endif
