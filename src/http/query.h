/* The parameters of a query, read as Go's url.ParseQuery does. */
#ifndef BLOX_HTTP_QUERY_H
#define BLOX_HTTP_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "util/attr.h"

struct query_pair {
    char *name;
    char *value; /* "" for `?name` as for `?name=` */
};

struct query {
    struct query_pair *pairs; /* in the order sent */
    size_t n;
};

/*
 * Reads the text behind the "?". "+" is a space; a pair with a broken escape or a semicolon is
 * dropped; names are case-sensitive. False for an encoded NUL, which no C string can hold; out is
 * then empty.
 */
bool query_parse(const char *text, struct query *out) MUST_CHECK;
void query_clear(struct query *query);

/* The first value, or NULL when the parameter was not sent. */
const char *query_first(const struct query *query, const char *name);
/* The first value, or NULL when it was not sent or is empty. */
const char *query_filter(const struct query *query, const char *name);
/* Every name sent is one of these; the list ends with NULL. */
bool query_has_only(const struct query *query, const char *const names[]);
/* Some parameter was sent more than once. */
bool query_repeats(const struct query *query);

#endif
