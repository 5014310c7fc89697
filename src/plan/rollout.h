/* How far a rollout may go: the budget of instances without a healthy task. */
#ifndef BLOX_PLAN_ROLLOUT_H
#define BLOX_PLAN_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>

#define MIN_HEALTHY_PERCENT 50 /* of every environment, for now */

/* Of one environment: how many of its instances stand where. Kept as single instances change. */
struct plan_counts {
    size_t eligible; /* instances which should have a task */
    size_t healthy;  /* of those: a RUNNING task which we are not stopping */
    size_t settled; /* of those: a RUNNING task of the deployment in force, or a recorded failure */
};

/* How many healthy tasks may be stopped now in order to be replaced. Instances which are without a
 * healthy task for whatever reason use up the budget. */
size_t plan_rollout(const struct plan_counts *counts, int min_healthy_percent);

/* Every eligible instance has its task, or a failure recorded why not; also when there is none. */
bool plan_complete(const struct plan_counts *counts);

#endif
