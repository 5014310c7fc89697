/* ECS: the table of operations, and what they share. */
#include "sim/ecs.h"

#include <string.h>

#include "util/mem.h"

const struct operation ecs_operations[] = {
    {"CreateCluster", ecs_create_cluster, true},
    {"DeleteAttributes", ecs_delete_attributes, true},
    {"DeleteCluster", ecs_delete_cluster, true},
    {"DeregisterContainerInstance", ecs_deregister_container_instance, true},
    {"DeregisterTaskDefinition", ecs_deregister_task_definition, true},
    {"DescribeClusters", ecs_describe_clusters, false},
    {"DescribeContainerInstances", ecs_describe_container_instances, false},
    {"DescribeTaskDefinition", ecs_describe_task_definition, false},
    {"DescribeTasks", ecs_describe_tasks, false},
    {"ListAttributes", ecs_list_attributes, false},
    {"ListClusters", ecs_list_clusters, false},
    {"ListContainerInstances", ecs_list_container_instances, false},
    {"ListTaskDefinitionFamilies", ecs_list_task_definition_families, false},
    {"ListTaskDefinitions", ecs_list_task_definitions, false},
    {"ListTasks", ecs_list_tasks, false},
    {"PutAttributes", ecs_put_attributes, true},
    {"RegisterTaskDefinition", ecs_register_task_definition, true},
    {"StartTask", ecs_start_task, true},
    {"StopTask", ecs_stop_task, true},
    {"UpdateContainerInstancesState", ecs_update_container_instances_state, true},
    {0},
};

int ecs_cluster_of(struct sim *sim, struct call *call, struct cluster **out)
{
    const char *name = NULL;

    if (input_text(call, "cluster", &name) < 0) {
        return -1;
    }
    *out = cluster_find(&sim->world, name);
    if (!*out) {
        return refuse(call, "ClusterNotFoundException", "Cluster not found.");
    }
    return (*out)->active
               ? 0
               : refuse(call, "ClusterNotFoundException", "The referenced cluster was inactive.");
}

int ecs_instance_of(struct call *call, struct cluster *cluster, const char *key,
                    struct instance **out)
{
    const char *reference = NULL;

    if (input_need_text(call, key, &reference) < 0) {
        return -1;
    }
    *out = instance_find(cluster, reference);
    return *out ? 0
                : refuse(call, "InvalidParameterException",
                         "The referenced container instance was not found.");
}

/* Ids of today and, with dashes, those until 2018. Source: messages in reports of ECS' users. */
static bool id_len_fits(size_t len)
{
    return len == 32 || len == 36;
}

/* An id, or an ARN whose last part is "task/<id>" or "task/<cluster>/<id>". */
static int check_reference(struct call *call, const struct cluster *cluster, const char *reference,
                           const char *id)
{
    const char *colon = strrchr(reference, ':');
    const char *type_end = strchr(colon ? colon : reference, '/');
    const char *rest = colon && type_end ? type_end + 1 : reference;
    const char *slash = strchr(rest, '/');
    size_t name_len = slash ? (size_t)(slash - rest) : 0;

    if (slash && strchr(slash + 1, '/')) {
        return refuse(call, "InvalidParameterException",
                      "Invalid identifier: Unexpected number of separators");
    }
    if (slash &&
        (strlen(cluster->name) != name_len || strncmp(rest, cluster->name, name_len) != 0)) {
        return refuse(call, "InvalidParameterException",
                      "Invalid identifier: Identifier is for cluster %.*s. Your cluster is %s",
                      (int)name_len, rest, cluster->name);
    }
    return id_len_fits(strlen(slash ? slash + 1 : rest))
               ? 0
               : refuse(call, "InvalidParameterException", "%s length should be one of [32,36]",
                        id);
}

int ecs_check_references(struct call *call, const struct cluster *cluster, const json_t *references,
                         const char *id)
{
    size_t i = 0;
    const json_t *each = NULL;

    json_array_foreach(references, i, each)
    {
        if (check_reference(call, cluster, json_string_value(each), id) < 0) {
            return -1;
        }
    }
    return 0;
}

bool ecs_includes(const struct call *call, const char *what)
{
    size_t i = 0;
    const json_t *each = NULL;

    json_array_foreach(json_object_get(call->input, "include"), i, each)
    {
        if (json_is_string(each) && streq(json_string_value(each), what)) {
            return true;
        }
    }
    return false;
}

void failures_add(struct failures *failures, const char *reference, const char *reason)
{
    failures->references[failures->n] = reference;
    failures->reasons[failures->n++] = reason;
}

static void emit_failure(struct sim *sim, struct call *call, const struct cluster *cluster,
                         const char *type, const char *reference, const char *reason)
{
    const struct world *world = &sim->world;
    bool is_arn = strncmp(reference, "arn:", 4) == 0;
    bool long_form = !sim->settings.old_arns && cluster;
    AUTO_CHAR *arn =
        is_arn ? xstrdup(reference)
               : xasprintf("arn:aws:ecs:%s:%s:%s/%s%s%s", world->region, world->account, type,
                           long_form ? cluster->name : "", long_form ? "/" : "", reference);

    emit_open(&call->out, NULL, '{');
    emit_text(&call->out, "arn", arn);
    emit_text(&call->out, "reason", reason);
    emit_close(&call->out, '}');
}

void failures_emit(const struct failures *failures, struct sim *sim, struct call *call,
                   const struct cluster *cluster, const char *type)
{
    emit_open(&call->out, "failures", '[');
    for (size_t i = 0; i < failures->n; i++) {
        emit_failure(sim, call, cluster, type, failures->references[i], failures->reasons[i]);
    }
    emit_close(&call->out, ']');
}
