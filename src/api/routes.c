/* The whole API on one screen. */
#include "api/api.h"

const struct route scheduler_routes[] = {
    {"GET", "/livez", livez, NULL},
    {"GET", "/readyz", readyz, NULL},
    {"GET", "/v1/ping", ping, NULL},
    {"POST", "/v1/environments", create_environment, NULL},
    {"GET", "/v1/environments", list_environments, NULL},
    {"GET", "/v1/environments/{name}", get_environment, NULL},
    {"DELETE", "/v1/environments/{name}", delete_environment, NULL},
    {"POST", "/v1/environments/{name}/deployments", create_deployment, has_deployment_token},
    {"GET", "/v1/environments/{name}/deployments", list_deployments, NULL},
    {"GET", "/v1/environments/{name}/deployments/{id}", get_deployment, NULL},
    {0},
};

const struct route state_routes[] = {
    {"GET", "/livez", livez, NULL},
    {"GET", "/readyz", readyz, NULL},
    {"GET", "/v1/clusters", list_clusters, NULL},
    {"GET", "/v1/tasks", list_tasks, NULL},
    {"GET", "/v1/tasks/{cluster}/{arn...}", get_task, names_task}, /* an ARN has slashes */
    {"GET", "/v1/instances", list_instances, NULL},
    {"GET", "/v1/instances/{cluster}/{arn...}", get_instance, names_instance},
    {"GET", "/v1/stream/tasks", stream_tasks, NULL},
    {"GET", "/v1/stream/instances", stream_instances, NULL},
    {"POST", "/", answer_ecs_read, has_ecs_target}, /* as AWS' SDKs send it */
    {"POST", "/v1/reconcile", reconcile, NULL},
    {0},
};
