/* What ECS says about a new environment's cluster and task definition, as answers to the client. */
#ifndef BLOX_API_ECS_ANSWERS_H
#define BLOX_API_ECS_ANSWERS_H

#include "api/api.h"

struct resolved {
    char *cluster;         /* ARN */
    char *task_definition; /* ARN with revision */
};

/* Looks both up, within ECS_MS in all. False when they cannot be used; resp then says so. */
bool resolve_at_ecs(struct api *api, const char *cluster, const char *task_definition,
                    struct resolved *out, struct http_response *resp);
void resolved_clear(struct resolved *resolved);

#endif
