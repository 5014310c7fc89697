/* The values in comparisons of a cluster query: texts, numbers, booleans, versions, dates. */
#ifndef BLOX_PLAN_SELECTOR_LITERAL_H
#define BLOX_PLAN_SELECTOR_LITERAL_H

#include <stdbool.h>

#include "plan/selector_tree.h"

/* NULL when the value suits the test's field, which then has it as number, date or count where that
 * is what the field compares; else what it wants, as in "want a whole number". */
const char *selector_literal_read(const char *value, struct selector_test *test);

/* Reads a decimal number with nothing around it: -1, 0.5. */
bool selector_number(const char *text, double *out);

#endif
