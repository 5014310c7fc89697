/* ListClusters, ListContainerInstances and ListTasks, from the view alone. */
#include <stdlib.h>
#include <strings.h>

#include "api/ecs_reads.h"
#include "api/filters.h"
#include "api/instance_query.h"
#include "util/mem.h"

#define INVALID "InvalidParameterException"

/* The page behind page->after, and one item more where there is one. */
static void select_page(struct ecs_call *call, struct selection *selection,
                        const struct ecs_page *page, struct entity_list *out)
{
    if (page->after) { /* a cluster belongs to itself */
        selection->after_cluster = selection->cluster_arn ? selection->cluster_arn : page->after;
        selection->after_key = page->after;
    }
    view_select(call->api->view, selection, out);
}

/* ---- clusters -------------------------------------------------------------------------------- */

static bool is_active(void *ctx, const struct entity *cluster)
{
    (void)ctx;
    return streq(entity_field(cluster, CLUSTER_STATUS), "ACTIVE");
}

int ecs_answer_list_clusters(struct ecs_call *call)
{
    AUTO_ECS_PAGE page = {0};
    AUTO_ENTITY_LIST found = {0};

    if (ecs_page_open(call, &page) < 0) {
        return -1;
    }
    struct selection selection = {.kind = KIND_CLUSTER, .matches = is_active, .max = page.max + 1};

    select_page(call, &selection, &page, &found);
    ecs_page_answer(call, &page, "clusterArns", &found);
    return 0;
}

/* ---- container instances --------------------------------------------------------------------- */

static bool is_listed(void *ctx, const struct entity *instance)
{
    return !streq(entity_field(instance, INSTANCE_STATUS), "INACTIVE") &&
           filters_match(&instance_filters, ctx, instance);
}

/* ECS knows INACTIVE, too, but lists none. */
static bool is_instance_status(const char *status)
{
    static const char *const statuses[] = {"ACTIVE",        "DRAINING", "REGISTERING",
                                           "DEREGISTERING", "INACTIVE", "REGISTRATION_FAILED"};

    for (size_t s = 0; s < ARRAY_LEN(statuses); s++) {
        if (strcasecmp(status, statuses[s]) == 0) {
            return true;
        }
    }
    return false;
}

static int read_instance_filters(struct ecs_call *call, struct filters *filters)
{
    struct error err = {0};
    const char *expression = NULL;

    if (ecs_input_text(call, "status", &filters->status) < 0 ||
        ecs_input_text(call, "filter", &expression) < 0) {
        return -1;
    }
    if (filters->status && !is_instance_status(filters->status)) {
        return ecs_refuse(call, INVALID,
                          "Container instance status should be one of [ACTIVE, DRAINING, "
                          "REGISTERING, DEREGISTERING, REGISTRATION_FAILED].");
    }
    if (expression && *expression) {
        filters->query = selector_parse(expression, &err);
        return filters->query
                   ? 0
                   : ecs_refuse(call, INVALID, "Invalid filter expression: %s", err.text);
    }
    return 0;
}

int ecs_answer_list_container_instances(struct ecs_call *call)
{
    AUTO_ECS_PAGE page = {0};
    AUTO_ENTITY_LIST found = {0};
    AUTO_FILTERS filters = {0};
    AUTO_CHAR *cluster = NULL;

    if (ecs_input_cluster(call, &cluster) < 0 || ecs_page_open(call, &page) < 0 ||
        read_instance_filters(call, &filters) < 0) {
        return -1;
    }
    filters.cluster.arn = cluster;
    struct selection selection = {
        .matches = is_listed,
        .ctx = &filters,
        .max = filters.query ? 0 : page.max + 1,
    };

    filters_select(&instance_filters, &filters, &selection);
    select_page(call, &selection, &page, &found);
    if (filters.query && !instances_keep(call->api->view, filters.query, page.max + 1, &found)) {
        return ecs_refuse(call, INVALID, "%s", QUERY_TOO_HARD);
    }
    ecs_page_answer(call, &page, "containerInstanceArns", &found);
    return 0;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

struct task_filter {
    struct filters filters;
    const char *launch_type; /* NULL: any */
    char *group;             /* of a service's tasks; NULL: any */
    char *instance;          /* what filters.container_instance points to */
};

/* An empty text is asked for as any other, but what has none has not that. */
static bool is(const char *wanted, const struct entity *task, int field)
{
    return !wanted || (*wanted && streq(wanted, entity_field(task, field)));
}

static bool is_wanted_task(void *ctx, const struct entity *task)
{
    const struct task_filter *filter = ctx;

    return filters_match(&task_filters, &filter->filters, task) &&
           is(filter->filters.started_by, task, TASK_STARTED_BY) &&
           is(filter->launch_type, task, TASK_LAUNCH_TYPE) && is(filter->group, task, TASK_GROUP);
}

static void task_filter_clear(struct task_filter *filter)
{
    free(filter->group);
    free(filter->instance);
}
#define AUTO_TASK_FILTER __attribute__((cleanup(task_filter_clear))) struct task_filter

/* ECS never sets desiredStatus PENDING: asking for it is allowed, and finds nothing. */
static int check_desired_status(struct ecs_call *call, const char *status)
{
    return strcasecmp(status, "RUNNING") == 0 || strcasecmp(status, "STOPPED") == 0 ||
                   strcasecmp(status, "PENDING") == 0
               ? 0
               : ecs_refuse(call, INVALID, "Invalid desiredStatus '%.50s'.", status);
}

/* "When you specify startedBy as the filter, it must be the only filter that you use." */
static int check_started_by(struct ecs_call *call)
{
    static const char *const others[] = {"containerInstance", "family", "serviceName",
                                         "desiredStatus", "launchType"};

    for (size_t o = 0; o < ARRAY_LEN(others); o++) {
        if (json_is_string(json_object_get(call->input, others[o]))) {
            return ecs_refuse(call, INVALID,
                              "cannot specify %s with startedBy: it must be the only filter",
                              others[o]);
        }
    }
    return 0;
}

static int read_instance(struct ecs_call *call, const char *cluster, const char *reference,
                         struct task_filter *filter)
{
    AUTO(entity) *instance = ecs_find_member(call->api->view, KIND_INSTANCE, cluster, reference);

    if (!instance) {
        return ecs_refuse(call, INVALID, "The referenced container instance was not found.");
    }
    filter->instance = xstrdup(instance->key);
    filter->filters.container_instance = filter->instance;
    return 0;
}

static bool has_group(void *ctx, const struct entity *task)
{
    return streq(ctx, entity_field(task, TASK_GROUP));
}

/* We hold no services, but their tasks' group names them. */
static int read_service(struct ecs_call *call, const char *cluster, const char *reference,
                        struct task_filter *filter)
{
    const char *slash = strrchr(reference, '/');
    AUTO_ENTITY_LIST any = {0};

    filter->group = xasprintf("service:%s", slash ? slash + 1 : reference);
    const struct selection selection = {
        .kind = KIND_TASK,
        .cluster_arn = cluster,
        .matches = has_group,
        .ctx = filter->group,
        .max = 1,
    };

    view_select(call->api->view, &selection, &any);
    return any.n > 0 ? 0 : ecs_refuse(call, "ServiceNotFoundException", "Service not found.");
}

static int read_task_filter(struct ecs_call *call, const char *cluster, struct task_filter *out)
{
    struct filters *filters = &out->filters;
    const char *instance = NULL;
    const char *service = NULL;

    if (ecs_input_text(call, "containerInstance", &instance) < 0 ||
        ecs_input_text(call, "family", &filters->family) < 0 ||
        ecs_input_text(call, "serviceName", &service) < 0 ||
        ecs_input_text(call, "startedBy", &filters->started_by) < 0 ||
        ecs_input_text(call, "desiredStatus", &filters->desired_status) < 0 ||
        ecs_input_text(call, "launchType", &out->launch_type) < 0 ||
        (filters->started_by && check_started_by(call) < 0)) {
        return -1;
    }
    filters->cluster.arn = cluster;
    if (!filters->desired_status) {
        filters->desired_status = "RUNNING"; /* ECS' default, with startedBy too */
    }
    if (check_desired_status(call, filters->desired_status) < 0 ||
        (service && read_service(call, cluster, service, out) < 0) ||
        (instance && read_instance(call, cluster, instance, out) < 0)) {
        return -1;
    }
    return 0;
}

int ecs_answer_list_tasks(struct ecs_call *call)
{
    AUTO_ECS_PAGE page = {0};
    AUTO_ENTITY_LIST found = {0};
    AUTO_TASK_FILTER filter = {0};
    AUTO_CHAR *cluster = NULL;

    if (ecs_input_cluster(call, &cluster) < 0 || ecs_page_open(call, &page) < 0 ||
        read_task_filter(call, cluster, &filter) < 0) {
        return -1;
    }
    struct selection selection = {.matches = is_wanted_task, .ctx = &filter, .max = page.max + 1};

    filters_select(&task_filters, &filter.filters, &selection);
    select_page(call, &selection, &page, &found);
    ecs_page_answer(call, &page, "taskArns", &found);
    return 0;
}
