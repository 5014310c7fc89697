/* The whole API on one screen. */
#include "api/api.h"

const struct route scheduler_routes[] = {
    {"GET", "/livez", livez, NULL, AS_TEXT},
    {"GET", "/readyz", readyz, NULL, AS_TEXT},
    {"GET", "/v1/ping", ping, NULL, AS_TEXT},
    {"POST", "/v1/environments", create_environment, NULL, AS_TEXT},
    {"GET", "/v1/environments", list_environments, NULL, AS_TEXT},
    {"GET", "/v1/environments/{name}", get_environment, NULL, AS_TEXT},
    {"DELETE", "/v1/environments/{name}", delete_environment, NULL, AS_TEXT},
    {"POST", "/v1/environments/{name}/deployments", create_deployment, has_deployment_token,
     AS_TEXT},
    {"GET", "/v1/environments/{name}/deployments", list_deployments, NULL, AS_TEXT},
    {"GET", "/v1/environments/{name}/deployments/{id}", get_deployment, NULL, AS_TEXT},
    {0},
};

const struct route state_routes[] = {
    {"GET", "/livez", livez, NULL, AS_TEXT},
    {"GET", "/readyz", readyz, NULL, AS_TEXT},
    {"GET", "/v1/clusters", list_clusters, NULL, AS_PROBLEM},
    {"GET", "/v1/tasks", list_tasks, NULL, AS_TEXT},
    {"GET", "/v1/tasks/{cluster}/{arn...}", get_task, names_task, AS_TEXT}, /* an ARN has slashes */
    {"GET", "/v1/instances", list_instances, NULL, AS_TEXT},
    {"GET", "/v1/instances/{cluster}/{arn...}", get_instance, names_instance, AS_TEXT},
    {"GET", "/v1/stream/tasks", stream_tasks, NULL, AS_TEXT},
    {"GET", "/v1/stream/instances", stream_instances, NULL, AS_TEXT},
    {"POST", "/", answer_ecs_read, has_ecs_target, AS_ECS}, /* as AWS' SDKs send it */
    {"POST", "/v1/reconcile", reconcile, NULL, AS_PROBLEM},
    {0},
};
