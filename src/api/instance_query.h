/* Which container instances a cluster query means, by what the view knows of them. */
#ifndef BLOX_API_INSTANCE_QUERY_H
#define BLOX_API_INSTANCE_QUERY_H

#include "api/filters.h"

/* Its attributes, and where the query asks for them (selector_reads_tasks) the tasks on it; without
 * that `view` may be NULL. */
bool instance_matches(struct view *view, const struct selector *query,
                      const struct entity *instance);

/* Drops the instances which do not match; the rest keeps its order. With max > 0 it ends after so
 * many. */
void instances_keep(struct view *view, const struct selector *query, size_t max,
                    struct entity_list *instances);

#endif
