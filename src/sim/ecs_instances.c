/* ECS: container instances. */
#include <string.h>
#include <strings.h>

#include "sim/ecs.h"

#define UPDATE_MAX 10 /* UpdateContainerInstancesState */

/* INACTIVE is no error, but is never listed. */
static bool is_status(const char *text)
{
    static const char *const statuses[] = {"ACTIVE",        "DRAINING", "REGISTERING",
                                           "DEREGISTERING", "INACTIVE", "REGISTRATION_FAILED"};

    for (size_t s = 0; s < ARRAY_LEN(statuses); s++) {
        if (strcasecmp(text, statuses[s]) == 0) {
            return true;
        }
    }
    return false;
}

int ecs_list_container_instances(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    struct page page;
    const char *status = NULL;
    const char *expression = NULL;

    if (ecs_cluster_of(sim, call, &cluster) < 0 || page_read(call, &page) < 0 ||
        input_text(call, "status", &status) < 0 || input_text(call, "filter", &expression) < 0) {
        return -1;
    }
    if (status && !is_status(status)) {
        return refuse(call, "InvalidParameterException", "Invalid container instance status.");
    }
    if (expression && *expression) {
        return refuse(call, "InvalidParameterException", "Filter expressions are not simulated.");
    }
    emit_open(&call->out, "containerInstanceArns", '[');
    for (struct instance *i = instance_next(cluster, page_after(&page)); i;
         i = instance_next(cluster, i->arn)) {
        const struct instance_state *seen = instance_seen(&sim->world, i);

        if (!seen || streq(seen->status, "INACTIVE") ||
            (status && strcasecmp(status, seen->status) != 0)) {
            continue;
        }
        if (!page_take(&page, i->arn)) {
            break;
        }
        emit_text(&call->out, NULL, i->arn);
    }
    emit_close(&call->out, ']');
    page_end(call, &page);
    return 0;
}

int ecs_describe_container_instances(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    const json_t *references = NULL;
    struct failures failures = {.n = 0};
    size_t i = 0;
    const json_t *each = NULL;

    if (ecs_cluster_of(sim, call, &cluster) < 0 ||
        input_texts(call, "containerInstances", 1, DESCRIBE_MAX, &references) < 0 ||
        ecs_check_references(call, cluster, references, "instanceId") < 0) {
        return -1;
    }
    emit_open(&call->out, "containerInstances", '[');
    json_array_foreach(references, i, each)
    {
        const char *reference = json_string_value(each);
        const struct instance *instance = instance_find(cluster, reference);
        const struct instance_state *seen = instance ? instance_seen(&sim->world, instance) : NULL;

        if (seen) {
            render_instance(&call->out, NULL, instance, seen);
        } else {
            failures_add(&failures, reference, "MISSING");
        }
    }
    emit_close(&call->out, ']');
    failures_emit(&failures, sim, call, cluster, "container-instance");
    return 0;
}

int ecs_deregister_container_instance(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    struct instance *instance = NULL;
    bool force = false;

    if (ecs_cluster_of(sim, call, &cluster) < 0 ||
        ecs_instance_of(call, cluster, "containerInstance", &instance) < 0 ||
        input_bool(call, "force", false, &force) < 0) {
        return -1;
    }
    if (streq(instance->now.status, "INACTIVE")) {
        return refuse(call, "InvalidParameterException",
                      "The referenced container instance was inactive.");
    }
    if (!force && instance->now.running + instance->now.pending > 0) {
        return refuse(call, "InvalidParameterException", "Found running tasks on the instance.");
    }
    instance_deregister(&sim->world, instance);
    render_instance(&call->out, "containerInstance", instance, &instance->now);
    return 0;
}

int ecs_update_container_instances_state(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    const json_t *references = NULL;
    const char *status = NULL;
    struct failures failures = {.n = 0};
    size_t i = 0;
    const json_t *each = NULL;

    if (ecs_cluster_of(sim, call, &cluster) < 0 ||
        input_texts(call, "containerInstances", 1, UPDATE_MAX, &references) < 0 ||
        input_need_text(call, "status", &status) < 0) {
        return -1;
    }
    if (!streq(status, "ACTIVE") && !streq(status, "DRAINING")) {
        return refuse(call, "InvalidParameterException",
                      "Container instance status should be one of [DRAINING, ACTIVE].");
    }
    emit_open(&call->out, "containerInstances", '[');
    json_array_foreach(references, i, each)
    {
        const char *reference = json_string_value(each);
        struct instance *instance = instance_find(cluster, reference);

        if (!instance || streq(instance->now.status, "INACTIVE")) {
            failures_add(&failures, reference, instance ? "INACTIVE" : "MISSING");
            continue;
        }
        instance_set_status(&sim->world, instance, status);
        render_instance(&call->out, NULL, instance, &instance->now);
    }
    emit_close(&call->out, ']');
    failures_emit(&failures, sim, call, cluster, "container-instance");
    return 0;
}
