/* The budget of a rollout, from counters. */
#include "plan/rollout.h"

size_t plan_rollout(const struct plan_counts *counts, int min_healthy_percent)
{
    size_t budget = counts->eligible * (size_t)(100 - min_healthy_percent) / 100;
    size_t down = counts->eligible - counts->healthy;

    if (min_healthy_percent >= 100) {
        return 0; /* nothing may go down: that needs a second copy beside the first */
    }
    if (budget == 0) {
        budget = 1; /* or a small cluster would never move */
    }
    return budget > down ? budget - down : 0;
}

bool plan_complete(const struct plan_counts *counts)
{
    return counts->settled == counts->eligible;
}
