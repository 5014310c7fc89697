/* ECS: tasks. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "sim/ecs.h"

#define START_MAX          10 /* container instances of one StartTask */
#define STARTED_BY_LEN_MAX 128
#define REASON_LEN_MAX     1024

/* ---- listing --------------------------------------------------------------------------------- */

struct filter {
    const char *instance_id; /* or NULL, as the others */
    const char *family;
    const char *started_by;
    enum task_status desired;
    bool nothing; /* what is asked for is never there */
};

/* startedBy stands alone, and shows what should be RUNNING. */
static int check_started_by(struct call *call)
{
    static const char *const others[] = {"containerInstance", "family", "serviceName",
                                         "desiredStatus", "launchType"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (json_is_string(json_object_get(call->input, others[i]))) {
            return refuse(call, "InvalidParameterException",
                          "cannot specify %s with startedBy: it must be the only filter",
                          others[i]);
        }
    }
    return 0;
}

static int read_desired(struct call *call, struct filter *filter)
{
    const char *desired = NULL;
    const char *launch_type = NULL;

    if (input_text(call, "desiredStatus", &desired) < 0 ||
        input_text(call, "launchType", &launch_type) < 0) {
        return -1;
    }
    filter->desired = STATUS_RUNNING;
    filter->nothing = launch_type && !streq(launch_type, "EC2");
    if (!desired || strcasecmp(desired, "RUNNING") == 0) {
        return 0;
    }
    if (strcasecmp(desired, "STOPPED") == 0) {
        filter->desired = STATUS_STOPPED;
        return 0;
    }
    filter->nothing = true; /* ECS never sets desiredStatus PENDING */
    return strcasecmp(desired, "PENDING") == 0 ? 0
                                               : refuse(call, "InvalidParameterException",
                                                        "Invalid desiredStatus '%.50s'.", desired);
}

static int read_filter(struct call *call, struct cluster *cluster, struct filter *filter)
{
    const char *reference = NULL;
    const char *service = NULL;

    if (input_text(call, "containerInstance", &reference) < 0 ||
        input_text(call, "family", &filter->family) < 0 ||
        input_text(call, "serviceName", &service) < 0 ||
        input_text(call, "startedBy", &filter->started_by) < 0 || read_desired(call, filter) < 0 ||
        (filter->started_by && check_started_by(call) < 0)) {
        return -1;
    }
    if (service) {
        return refuse(call, "ServiceNotFoundException", "Service not found.");
    }
    if (reference) {
        const struct instance *instance = instance_find(cluster, reference);

        if (!instance) {
            return refuse(call, "InvalidParameterException",
                          "The referenced container instance was not found.");
        }
        filter->instance_id = instance->id;
    }
    return 0;
}

static bool matches(const struct filter *filter, const struct task *task,
                    const struct task_state *seen)
{
    return seen && !filter->nothing && seen->desired == filter->desired &&
           (!filter->family || streq(filter->family, task->definition->family)) &&
           (!filter->started_by ||
            (task->started_by && streq(filter->started_by, task->started_by)));
}

int ecs_list_tasks(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    struct page page;
    struct filter filter = {0};

    if (ecs_cluster_of(sim, call, &cluster) < 0 || page_read(call, &page) < 0 ||
        read_filter(call, cluster, &filter) < 0) {
        return -1;
    }
    struct instance *instance =
        filter.instance_id ? instance_find(cluster, filter.instance_id) : NULL;
    const char *after = page_after(&page);
    struct task *task = NULL;

    emit_open(&call->out, "taskArns", '[');
    while ((task = instance ? task_next_on(instance, after) : task_next(cluster, after))) {
        after = task->arn;
        if (!matches(&filter, task, task_seen(&sim->world, task))) {
            continue;
        }
        if (!page_take(&page, task->arn)) {
            break;
        }
        emit_text(&call->out, NULL, task->arn);
    }
    emit_close(&call->out, ']');
    page_end(call, &page);
    return 0;
}

/* ---- describing ------------------------------------------------------------------------------ */

int ecs_describe_tasks(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    const json_t *references = NULL;
    struct failures failures = {.n = 0};
    size_t i = 0;
    const json_t *each = NULL;
    bool with_tags = ecs_includes(call, "TAGS");

    if (ecs_cluster_of(sim, call, &cluster) < 0 ||
        input_texts(call, "tasks", 1, DESCRIBE_MAX, &references) < 0 ||
        ecs_check_references(call, cluster, references, "taskId") < 0) {
        return -1;
    }
    emit_open(&call->out, "tasks", '[');
    json_array_foreach(references, i, each)
    {
        const char *reference = json_string_value(each);
        const struct task *task = task_find(cluster, reference);
        const struct task_state *seen = task ? task_seen(&sim->world, task) : NULL;

        if (seen) {
            render_task(&call->out, NULL, &sim->world, task, seen, with_tags);
        } else {
            failures_add(&failures, reference, "MISSING");
        }
    }
    emit_close(&call->out, ']');
    failures_emit(&failures, sim, call, cluster, "task");
    return 0;
}

/* ---- starting -------------------------------------------------------------------------------- */

static int check_started_by_text(struct call *call, const char *started_by)
{
    for (const char *c = started_by ? started_by : ""; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-/_", *c)) {
            return refuse(call, "InvalidParameterException",
                          "startedBy contains invalid characters.");
        }
    }
    return started_by && strlen(started_by) > STARTED_BY_LEN_MAX
               ? refuse(call, "InvalidParameterException", "startedBy is longer than %d.",
                        STARTED_BY_LEN_MAX)
               : 0;
}

static int read_start(struct sim *sim, struct call *call, struct definition **def,
                      struct task_spec *spec)
{
    const char *reference = NULL;

    if (input_need_text(call, "taskDefinition", &reference) < 0 ||
        input_text(call, "startedBy", &spec->started_by) < 0 ||
        input_text(call, "group", &spec->group) < 0 ||
        check_started_by_text(call, spec->started_by) < 0) {
        return -1;
    }
    *def = definition_find(&sim->world, reference);
    if (!*def) {
        return refuse(call, "ClientException", "TaskDefinition not found.");
    }
    if (!(*def)->active) {
        return refuse(call, "ClientException", "TaskDefinition is inactive");
    }
    if ((*def)->own_interface && !json_object_get(call->input, "networkConfiguration")) {
        return refuse(call, "InvalidParameterException",
                      "Network Configuration must be provided when networkMode 'awsvpc' is "
                      "specified.");
    }
    spec->overrides = json_object_get(call->input, "overrides");
    spec->tags = json_object_get(call->input, "tags");
    if (!json_is_object(spec->overrides)) {
        spec->overrides = NULL;
    }
    return 0;
}

int ecs_start_task(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    const json_t *references = NULL;
    struct definition *def = NULL;
    struct task_spec spec = {0};
    struct failures failures = {.n = 0};
    size_t i = 0;
    const json_t *each = NULL;

    if (ecs_cluster_of(sim, call, &cluster) < 0 ||
        input_texts(call, "containerInstances", 1, START_MAX, &references) < 0 ||
        read_start(sim, call, &def, &spec) < 0) {
        return -1;
    }
    emit_open(&call->out, "tasks", '[');
    json_array_foreach(references, i, each)
    {
        const char *reference = json_string_value(each);
        struct instance *instance = instance_find(cluster, reference);
        const char *reason = instance ? instance_refuses(instance, def) : "MISSING";

        if (reason) {
            failures_add(&failures, reference, reason);
            continue;
        }
        const struct task *task = task_start(&sim->world, instance, def, &spec);

        render_task(&call->out, NULL, &sim->world, task, &task->now, true);
    }
    emit_close(&call->out, ']');
    failures_emit(&failures, sim, call, cluster, "container-instance");
    return 0;
}

/* ---- stopping -------------------------------------------------------------------------------- */

int ecs_stop_task(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    const char *reference = NULL;
    const char *reason = NULL;

    if (ecs_cluster_of(sim, call, &cluster) < 0 || input_need_text(call, "task", &reference) < 0 ||
        input_text(call, "reason", &reason) < 0) {
        return -1;
    }
    if (reason && strlen(reason) > REASON_LEN_MAX) {
        return refuse(call, "InvalidParameterException", "reason is longer than %d.",
                      REASON_LEN_MAX);
    }
    struct task *task = task_find(cluster, reference);

    if (!task) {
        return refuse(call, "InvalidParameterException", "The referenced task was not found.");
    }
    task_stop(&sim->world, task, reason);
    render_task(&call->out, "task", &sim->world, task, &task->now, true);
    return 0;
}
