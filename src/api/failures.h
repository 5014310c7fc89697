/* Which deployments have instances where they failed. */
#ifndef BLOX_API_FAILURES_H
#define BLOX_API_FAILURES_H

#include "api/api.h"

/* A set of deployment ids. */
struct failures;

/* From the placements of one environment (id), or of all environments (NULL). */
struct failures *failures_find(struct view *view, const char *environment_id) MUST_CHECK;
bool failures_has(const struct failures *failures, const char *deployment_id);
void failures_free(struct failures *failures);
AUTO_DEFINE(failures);

/* The placements of one environment, in order of instance. */
void list_placements(struct view *view, const char *environment_id, struct entity_list *out);

#endif
