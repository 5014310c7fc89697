/* What ECS' operations share. */
#ifndef BLOX_SIM_ECS_H
#define BLOX_SIM_ECS_H

#include "sim/events.h"
#include "sim/paging.h"
#include "sim/parts.h"

#define DESCRIBE_MAX 100

/* The ACTIVE cluster which `cluster` names ("default" when absent), or ClusterNotFoundException. */
int ecs_cluster_of(struct sim *sim, struct call *call, struct cluster **out) MUST_CHECK;
/* The instance which the value at `key` names, or a refusal. */
int ecs_instance_of(struct call *call, struct cluster *cluster, const char *key,
                    struct instance **out) MUST_CHECK;
/* True when `include` asks for it ("TAGS"). */
bool ecs_includes(const struct call *call, const char *what);
/* One element of failures[]; an id is shown as the ARN it would have. */
void ecs_emit_failure(struct sim *sim, struct call *call, const struct cluster *cluster,
                      const char *type, const char *reference, const char *reason);

#endif
