/*
 * Tasks and container instances as Describe would say them: from the canonical raw form (raw.h)
 * back to the shape of ECS' JSON protocol.
 */
#ifndef BLOX_MODEL_DESCRIBED_H
#define BLOX_MODEL_DESCRIBED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Both work in place, on an object. Instants become seconds since the epoch; resources get a value
 * of every type, zero but for their own, as ECS gives them. What an event alone does not tell is
 * there as ECS has it where there is nothing to tell: health UNKNOWN, no tags, no attachments.
 *
 * Tags, and the health of an instance, are only told to those who ask (`include`).
 * Source: ECS API Reference, Task, ContainerInstance; botocore's model ecs/2014-11-13.
 */
void described_task(json_t *raw, bool with_tags);

struct described_instance {
    int64_t n_running, n_pending; /* tasks on it, in place of what was last described */
    bool with_tags;
    bool with_health;
};
/* Takes `clusterArn` out: ECS' container instances do not name their cluster. */
void described_instance(json_t *raw, const struct described_instance *more);

#endif
