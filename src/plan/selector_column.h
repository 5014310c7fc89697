/* Places in a cluster query, as people see them: characters, not bytes. */
#ifndef BLOX_PLAN_SELECTOR_COLUMN_H
#define BLOX_PLAN_SELECTOR_COLUMN_H

#include <stddef.h>

#include "util/strbuf.h"

/* How many bytes the character at p has, 1 for a byte which is none; p is not at the end. */
size_t selector_step(const char *p);

/* Of the character at `at`, which is part of the text; the first is 1. */
size_t selector_column(const char *text, const char *at);

/* The first character, or what is none, which an expression may not have, and *why; else NULL. */
const char *selector_misfit(const char *text, const char **why);

/* Adds the expression on one line and, on the next, a ^ below `at`. What lies beyond the length
 * limit is left out, and so is whatever would disturb the line. */
void selector_point(const char *text, const char *at, struct strbuf *out);

#endif
