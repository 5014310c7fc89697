/*
 * Regular expressions which match a whole text or do not match it. The door to PCRE2.
 *
 * Patterns come from strangers: length, nesting and size of the pattern are limited when it is
 * compiled, steps, depth and memory of a match while it runs.
 */
#ifndef BLOX_UTIL_REGEX_H
#define BLOX_UTIL_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"

#define REGEX_LEN_MAX    256  /* bytes of a pattern */
#define REGEX_NEST_MAX   16   /* parentheses within parentheses */
#define REGEX_STEPS_MAX  2000 /* of one match: less than 0.1 ms */
#define REGEX_STEPS_FREE 32   /* that cheap a match is like any other comparison */
#define REGEX_DEPTH_MAX  1000 /* backtracking points kept at a time */
#define REGEX_HEAP_KIB   256  /* for those, per thread */

struct regex; /* compiled, immutable: any number of threads may match with it */

/*
 * Compiles a UTF-8 pattern in PCRE2's syntax; \w, \d and \s mean ASCII.
 * ERR_INVALID says what is wrong; *at is then the byte of the pattern where (its length at most).
 */
struct regex *regex_compile(const char *pattern, size_t *at, struct error *err) MUST_CHECK;
void regex_free(struct regex *regex);
AUTO_DEFINE(regex);

enum regex_outcome { REGEX_NO_MATCH, REGEX_MATCH, REGEX_TOO_HARD /* a limit was reached */ };

/*
 * Whether the pattern matches all of the text. *steps (or NULL: as many as it takes) is what many
 * matches may take together, and is lowered by what this one took: nothing where it took at most
 * REGEX_STEPS_FREE, else up to four times as many as it did. Below 0 nothing is tried any more, and
 * everything is REGEX_TOO_HARD. Allocates only when a thread first matches, and when a pattern
 * needs more memory than any did before it there.
 */
enum regex_outcome regex_match(const struct regex *regex, const char *text, int64_t *steps);

#endif
