/*
 * The canonical form of a task or container instance as ECS said it: Describe's members and
 * `clusterArn`, in ECS' spelling, instants as "2017-01-02T03:04:05.678Z", resources with the value
 * of their type alone, no nulls, nothing that only events have. Equal states give equal texts,
 * whichever way they came.
 */
#ifndef BLOX_MODEL_RAW_H
#define BLOX_MODEL_RAW_H

#include <jansson.h>
#include <stdbool.h>

#include "util/strbuf.h"

/* Brings an event's `detail` or a described object into the canonical form, in place. */
void raw_normalize(json_t *detail);
/*
 * An event carries less than Describe (no health, no registeredAt, no task counts): what it carries
 * replaces what stands in `raw`, member by member, containers matched by name; the rest stays. Both
 * are canonical; values are shared with `update`.
 */
void raw_merge(json_t *raw, const json_t *update);
/* Whether a member of that name is an instant: startedAt, lastUpdated, ... */
bool raw_is_instant(const char *name);

#endif
