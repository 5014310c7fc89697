/* ECS: clusters. */
#include <ctype.h>
#include <string.h>

#include "sim/ecs.h"

#define CLUSTER_NAME_MAX 255

static void render_cluster(struct emit *e, const char *key, const struct cluster *cluster)
{
    static const char *const empty[] = {"statistics", "tags", "settings", "capacityProviders",
                                        "defaultCapacityProviderStrategy"};

    emit_open(e, key, '{');
    emit_text(e, "clusterArn", cluster->arn);
    emit_text(e, "clusterName", cluster->name);
    emit_text(e, "status", cluster->active ? "ACTIVE" : "INACTIVE");
    emit_int(e, "registeredContainerInstancesCount", cluster->registered);
    emit_int(e, "runningTasksCount", cluster->running);
    emit_int(e, "pendingTasksCount", cluster->pending);
    emit_int(e, "activeServicesCount", 0);
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        emit_open(e, empty[i], '[');
        emit_close(e, ']');
    }
    emit_close(e, '}');
}

static bool name_is_valid(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_') {
            return false;
        }
    }
    return *name && strlen(name) <= CLUSTER_NAME_MAX;
}

int ecs_create_cluster(struct sim *sim, struct call *call)
{
    const char *name = NULL;

    if (input_text(call, "clusterName", &name) < 0) {
        return -1;
    }
    name = name ? name : "default";
    if (!name_is_valid(name)) {
        return refuse(call, "InvalidParameterException",
                      "Cluster name must match ^[a-zA-Z0-9\\-_]{1,255}$.");
    }
    render_cluster(&call->out, "cluster", cluster_make(&sim->world, name));
    return 0;
}

int ecs_delete_cluster(struct sim *sim, struct call *call)
{
    const char *name = NULL;
    struct cluster *cluster = NULL;

    if (input_need_text(call, "cluster", &name) < 0 || ecs_cluster_of(sim, call, &cluster) < 0) {
        return -1;
    }
    if (cluster->registered > 0) {
        return refuse(call, "ClusterContainsContainerInstancesException",
                      "The Cluster cannot be deleted while Container Instances are active or "
                      "draining.");
    }
    if (cluster->running + cluster->pending > 0) {
        return refuse(call, "ClusterContainsTasksException",
                      "The Cluster cannot be deleted while Tasks are active.");
    }
    cluster->active = false;
    render_cluster(&call->out, "cluster", cluster);
    return 0;
}

int ecs_describe_clusters(struct sim *sim, struct call *call)
{
    const json_t *names = NULL;
    struct failures failures = {.n = 0};

    if (input_texts(call, "clusters", 0, DESCRIBE_MAX, &names) < 0) {
        return -1;
    }
    size_t n = json_array_size(names);

    emit_open(&call->out, "clusters", '[');
    for (size_t i = 0; i < (n ? n : 1); i++) {
        const char *name = n ? json_string_value(json_array_get(names, i)) : "default";
        const struct cluster *cluster = cluster_find(&sim->world, name);

        if (cluster) {
            render_cluster(&call->out, NULL, cluster);
        } else {
            failures_add(&failures, name, "MISSING");
        }
    }
    emit_close(&call->out, ']');
    failures_emit(&failures, sim, call, NULL, "cluster");
    return 0;
}

int ecs_list_clusters(struct sim *sim, struct call *call)
{
    struct page page;

    if (page_read(call, &page) < 0) {
        return -1;
    }
    emit_open(&call->out, "clusterArns", '[');
    for (struct cluster *c = cluster_next(&sim->world, page_after(&page)); c;
         c = cluster_next(&sim->world, c->arn)) {
        if (!c->active) {
            continue;
        }
        if (!page_take(&page, c->arn)) {
            break;
        }
        emit_text(&call->out, NULL, c->arn);
    }
    emit_close(&call->out, ']');
    page_end(call, &page);
    return 0;
}
