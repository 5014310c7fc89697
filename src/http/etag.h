/* Conditional requests: whether the client has what it would get (RFC 9110, 8.8 and 13.1.2). */
#ifndef BLOX_HTTP_ETAG_H
#define BLOX_HTTP_ETAG_H

#include <stdbool.h>

/* Whether the If-None-Match header names the entity tag `etag` (with its quotes), or is `*`. The
 * comparison is weak: a proxy which compresses marks our tags with W/. A header which is none names
 * nothing. */
bool etag_is_named(const char *if_none_match, const char *etag);

#endif
