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
/* Refuses all of them for one that cannot name anything in the cluster, as ECS does; id is what its
 * messages call it: "taskId", "instanceId". */
int ecs_check_references(struct call *call, const struct cluster *cluster, const json_t *references,
                         const char *id) MUST_CHECK;

/* What a call could not do, to be told after what it could. */
struct failures {
    const char *references[DESCRIBE_MAX]; /* the call's */
    const char *reasons[DESCRIBE_MAX];
    size_t n;
};

void failures_add(struct failures *failures, const char *reference, const char *reason);
/* Writes failures[]; an id is shown as the ARN which an object of that type would have. `cluster`
 * is NULL where ARNs have none. */
void failures_emit(const struct failures *failures, struct sim *sim, struct call *call,
                   const struct cluster *cluster, const char *type);

#endif
