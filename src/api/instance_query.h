/* Which container instances a cluster query means, by what the view knows of them. */
#ifndef BLOX_API_INSTANCE_QUERY_H
#define BLOX_API_INSTANCE_QUERY_H

#include "api/filters.h"
#include "util/regex.h"

/*
 * What the regular expressions of one answer may take together, in steps of regex_match: some 0.1 s
 * of a processor, whatever is asked of however many instances. A change on a stream has what one
 * match has.
 */
#define QUERY_STEPS_MAX  4000000
#define CHANGE_STEPS_MAX REGEX_STEPS_MAX
#define QUERY_TOO_HARD                                                                             \
    "Invalid query: its regular expressions are too hard for so many instances: make them "        \
    "simpler, or name a cluster"

/* Its attributes, and where the query asks for them (selector_reads_tasks) the tasks on it; without
 * that `view` may be NULL. *steps is lowered by what it took; below 0 the answer means nothing. */
bool instance_matches(struct view *view, const struct selector *query,
                      const struct entity *instance, int64_t *steps);

/* Drops the instances which do not match; the rest keeps its order. With max > 0 it ends after so
 * many. False when the query took more than QUERY_STEPS_MAX. */
bool instances_keep(struct view *view, const struct selector *query, size_t max,
                    struct entity_list *instances) MUST_CHECK;

#endif
