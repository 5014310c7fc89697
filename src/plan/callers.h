/*
 * Lists of callers by ARN, with commas between them. A star stands for any number of characters,
 * slashes and colons included; nothing else is special. A comma in an ARN is written as a star.
 */
#ifndef BLOX_PLAN_CALLERS_H
#define BLOX_PLAN_CALLERS_H

#include <stdbool.h>

#include "util/attr.h"
#include "util/error.h"

#define CALLERS_MAX 64 /* patterns in a list */

struct callers {
    char **patterns;
    size_t n;
};

/* Patterns with commas between them, blanks around them ignored. ERR_INVALID for an empty one and
 * for one that no ARN can match. */
struct callers *callers_parse(const char *list, struct error *err) MUST_CHECK;
void callers_free(struct callers *callers);
AUTO_DEFINE(callers);

/* Whether one of the patterns is the whole ARN. Case counts. */
bool callers_have(const struct callers *callers, const char *arn);

#endif
