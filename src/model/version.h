/* Version numbers, as the ECS agent has them: 1.14.5. */
#ifndef BLOX_MODEL_VERSION_H
#define BLOX_MODEL_VERSION_H

#include <stdbool.h>

/* Numbers separated by dots, then perhaps "-" and a pre-release, then perhaps "+" and a build. */
bool version_is_valid(const char *text);

/*
 * Below, at or above 0 as a is older than, the same as or newer than b; both valid. Numbers count
 * as numbers, missing ones as 0; a pre-release is older than its release, two of them compare by
 * their bytes; the build does not count. As the agent itself compares (amazon-ecs-agent,
 * agent/utils/compare_versions.go), but for versions with fewer or more than three numbers, which
 * it refuses.
 */
int version_compare(const char *a, const char *b);

#endif
