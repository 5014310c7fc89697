/* ECS' objects as it spells them: in EventBridge's events and in the answers of the API. */
#ifndef BLOX_SIM_EVENTS_H
#define BLOX_SIM_EVENTS_H

#include "sim/emit.h"
#include "sim/world.h"

/* Publishes what became of it. With the world locked, as everything here. */
void event_of_task(struct world *world, const struct task *task);
void event_of_instance(struct world *world, const struct instance *instance);

/* As DescribeTasks and DescribeContainerInstances show it. */
void render_task(struct emit *e, const char *key, const struct world *world,
                 const struct task *task, const struct task_state *state, bool with_tags);
void render_instance(struct emit *e, const char *key, const struct instance *instance,
                     const struct instance_state *state);

#endif
