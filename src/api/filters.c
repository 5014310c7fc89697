/* Which tasks and instances a list shows. */
#include "api/filters.h"

#include <strings.h>

/* v0.3.0 knew the first three of a task's, and the first two of an instance's. */
static const char *const task_statuses[] = {
    "pending",      "running",  "stopped",        "provisioning", "activating",
    "deactivating", "stopping", "deprovisioning", NULL,
};
static const char *const instance_statuses[] = {
    "active", "inactive", "draining", "registering", "deregistering", NULL,
};
static const char *const task_names[] = {"status", "cluster", "startedBy", NULL};
static const char *const instance_names[] = {"status", "cluster", NULL};

const struct filter_rules task_filters = {
    .kind = KIND_TASK,
    .names = task_names,
    .statuses = task_statuses,
    .status_field = TASK_LAST_STATUS,
    .started_by_field = TASK_STARTED_BY,
};
const struct filter_rules instance_filters = {
    .kind = KIND_INSTANCE,
    .names = instance_names,
    .statuses = instance_statuses,
    .status_field = INSTANCE_STATUS,
    .started_by_field = -1,
};

static bool is_status(const char *text, const char *const *statuses)
{
    for (; *statuses; statuses++) {
        if (strcasecmp(text, *statuses) == 0) {
            return true;
        }
    }
    return false;
}

const char *filters_parse(const struct filter_rules *rules, const struct query *query,
                          struct filters *out)
{
    *out = (struct filters){
        .status = query_filter(query, "status"),
        .started_by = rules->started_by_field < 0 ? NULL : query_filter(query, "startedBy"),
    };
    if (!query_has_only(query, rules->names)) {
        return "At least one of the filters provided is unsupported";
    }
    if (query_repeats(query)) {
        return "At least one of the filters provided is specified multiple times";
    }
    if (out->status && !is_status(out->status, rules->statuses)) {
        return "Invalid status";
    }
    return cluster_filter_parse(query, &out->cluster) ? NULL : CLUSTER_FILTER_INVALID;
}

bool filters_match(const struct filter_rules *rules, const struct filters *filters,
                   const struct entity *entity)
{
    if (filters->status && strcasecmp(filters->status, entity->fields[rules->status_field]) != 0) {
        return false;
    }
    if (!cluster_filter_match(&filters->cluster, entity->fields[FIELD_CLUSTER])) {
        return false;
    }
    return !filters->started_by ||
           streq(filters->started_by, entity->fields[rules->started_by_field]);
}
