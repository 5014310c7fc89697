/* The control API: clusters, instances and tasks. */
#include <string.h>

#include "sim/ecs.h"
#include "sim/texts.h"
#include "util/clock.h"

#define COUNT_MAX 1000000 /* of instances or tasks made by one call */

static int not_found(struct call *call, const char *what, const char *name)
{
    return refuse_as(call, 404, "", "there is no %s %.300s", what, name ? name : "");
}

static int find_cluster(struct sim *sim, struct call *call, struct cluster **out)
{
    const char *name = NULL;

    if (input_text(call, "cluster", &name) < 0) {
        return -1;
    }
    *out = cluster_find(&sim->world, name);
    return *out ? 0 : not_found(call, "cluster", name);
}

static int find_instance(struct sim *sim, struct call *call, struct instance **out)
{
    const char *arn = NULL;

    if (input_need_text(call, "arn", &arn) < 0) {
        return -1;
    }
    *out = instance_find_anywhere(&sim->world, arn);
    return *out ? 0 : not_found(call, "instance", arn);
}

static int find_task(struct sim *sim, struct call *call, struct task **out)
{
    const char *arn = NULL;

    if (input_need_text(call, "task", &arn) < 0) {
        return -1;
    }
    *out = task_find_anywhere(&sim->world, arn);
    return *out ? 0 : not_found(call, "task", arn);
}

static int input_count(struct call *call, const char *key, int64_t fallback, int64_t *out)
{
    if (input_int(call, key, fallback, out) < 0) {
        return -1;
    }
    return *out >= 0 && *out <= COUNT_MAX ? 0
                                          : refuse(call, "", "%s: want 0 to %d", key, COUNT_MAX);
}

/* ---- clusters and definitions ---------------------------------------------------------------- */

static int make_cluster(struct sim *sim, struct call *call)
{
    const char *name = NULL;

    if (input_need_text(call, "name", &name) < 0) {
        return -1;
    }
    world_lock(&sim->world);
    emit_text(&call->out, "clusterArn", cluster_make(&sim->world, name)->arn);
    world_unlock(&sim->world);
    return 0;
}

/* RegisterTaskDefinition's input for the few things tests care about. */
static json_t *expand_definition(const char *family, int64_t cpu, int64_t memory,
                                 const json_t *input)
{
    const json_t *stop_timeout = json_object_get(input, "stopTimeout");
    const char *mode = json_string_value(json_object_get(input, "networkMode"));
    json_t *container = json_pack("{s:s, s:s, s:I, s:I, s:b, s:[]}", "name", family, "image",
                                  "example/daemon:1", "cpu", (json_int_t)cpu, "memory",
                                  (json_int_t)memory, "essential", 1, "portMappings");
    json_t *requires = json_array();
    size_t i = 0;
    json_t *each = NULL;

    json_array_foreach(json_object_get(input, "hostPorts"), i, each)
    {
        json_array_append_new(json_object_get(container, "portMappings"),
                              json_pack("{s:O, s:O}", "containerPort", each, "hostPort", each));
    }
    json_array_foreach(json_object_get(input, "requiresAttributes"), i, each)
    {
        json_array_append_new(requires, json_pack("{s:O}", "name", each));
    }
    if (stop_timeout) {
        json_object_set_new(container, "stopTimeout",
                            json_integer(json_integer_value(stop_timeout)));
    }
    if (json_is_true(json_object_get(input, "healthCheck"))) {
        json_object_set_new(container, "healthCheck",
                            json_pack("{s:[s, s]}", "command", "CMD", "true"));
    }
    return json_pack("{s:s, s:s, s:[o], s:o}", "family", family, "networkMode",
                     mode ? mode : "bridge", "containerDefinitions", container,
                     "requiresAttributes", requires);
}

static struct definition *make_definition(struct sim *sim, const char *family, int64_t cpu,
                                          int64_t memory, const json_t *input)
{
    json_t *body = expand_definition(family, cpu, memory, input);
    struct definition *def = definition_make(&sim->world, body);

    json_decref(body);
    return def;
}

static int make_task_definition(struct sim *sim, struct call *call)
{
    const char *family = NULL;
    const char *mode = NULL;
    int64_t cpu = 0;
    int64_t memory = 0;
    int64_t stop_timeout = 0;
    const json_t *attributes = NULL;

    if (input_need_text(call, "family", &family) < 0 || input_int(call, "cpu", 64, &cpu) < 0 ||
        input_int(call, "memory", 128, &memory) < 0 || input_text(call, "networkMode", &mode) < 0 ||
        input_int(call, "stopTimeout", 0, &stop_timeout) < 0 ||
        input_texts(call, "requiresAttributes", 0, 100, &attributes) < 0) {
        return -1;
    }
    world_lock(&sim->world);
    const struct definition *def = make_definition(sim, family, cpu, memory, call->input);

    emit_text(&call->out, "taskDefinitionArn", def->arn);
    emit_int(&call->out, "revision", def->revision);
    world_unlock(&sim->world);
    return 0;
}

/* The definition named, or a small one of the given family. */
static int definition_or(struct sim *sim, struct call *call, const char *family,
                         struct definition **out)
{
    const char *reference = NULL;

    if (input_text(call, "taskDefinition", &reference) < 0) {
        return -1;
    }
    *out = definition_find(&sim->world, reference ? reference : family);
    if (!*out && reference) {
        return not_found(call, "task definition", reference);
    }
    if (!*out) {
        *out = make_definition(sim, family, 64, 128, NULL);
    }
    return 0;
}

/* ---- instances ------------------------------------------------------------------------------- */

static int make_instances_locked(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    struct instance_spec spec = {.attributes = json_object_get(call->input, "attributes")};
    int64_t n = 0;
    int64_t cpu = 0;
    int64_t memory = 0;

    if (find_cluster(sim, call, &cluster) < 0 || input_count(call, "count", 1, &n) < 0 ||
        input_int(call, "cpu", 4096, &cpu) < 0 || input_int(call, "memory", 16384, &memory) < 0 ||
        input_bool(call, "agentConnected", true, &spec.agent_connected) < 0) {
        return -1;
    }
    spec.cpu = (int)cpu;
    spec.memory = (int)memory;
    emit_int(&call->out, "mono_us", clock_mono_us());
    emit_open(&call->out, "containerInstanceArns", '[');
    for (int64_t i = 0; i < n; i++) {
        emit_text(&call->out, NULL, instance_make(&sim->world, cluster, &spec)->arn);
    }
    emit_close(&call->out, ']');
    return 0;
}

static int list_instances_locked(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;

    if (find_cluster(sim, call, &cluster) < 0) {
        return -1;
    }
    emit_open(&call->out, "instances", '[');
    for (struct instance *i = instance_next(cluster, NULL); i; i = instance_next(cluster, i->arn)) {
        emit_open(&call->out, NULL, '{');
        emit_text(&call->out, "arn", i->arn);
        emit_text(&call->out, "status", i->now.status);
        emit_bool(&call->out, "agentConnected", i->now.agent_connected);
        emit_int(&call->out, "version", i->now.version);
        emit_close(&call->out, '}');
    }
    emit_close(&call->out, ']');
    return 0;
}

static int change_instance_locked(struct sim *sim, struct call *call)
{
    struct instance *instance = NULL;
    const char *status = NULL;
    bool connected = false;

    if (find_instance(sim, call, &instance) < 0 || input_text(call, "status", &status) < 0 ||
        input_bool(call, "agentConnected", instance->now.agent_connected, &connected) < 0) {
        return -1;
    }
    if (status && !streq(status, "ACTIVE") && !streq(status, "DRAINING")) {
        return refuse(call, "", "status: want ACTIVE or DRAINING");
    }
    if (status) {
        instance_set_status(&sim->world, instance, status);
    }
    instance_set_agent(&sim->world, instance, connected);
    return 0;
}

static int delete_instance_locked(struct sim *sim, struct call *call)
{
    struct instance *instance = NULL;
    const char *force = NULL;

    if (find_instance(sim, call, &instance) < 0 || input_text(call, "force", &force) < 0) {
        return -1;
    }
    if (streq(instance->now.status, "INACTIVE")) {
        return refuse(call, "", "the instance is INACTIVE already");
    }
    if (force && streq(force, "false") && instance->now.running + instance->now.pending > 0) {
        return refuse(call, "", "found running tasks on the instance");
    }
    instance_deregister(&sim->world, instance);
    return 0;
}

static int vanish_instance_locked(struct sim *sim, struct call *call)
{
    struct instance *instance = NULL;

    if (find_instance(sim, call, &instance) < 0) {
        return -1;
    }
    instance_vanish(&sim->world, instance);
    return 0;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* Those named in turn, or those of the cluster in turn. */
static struct instance *next_instance(struct cluster *cluster, const json_t *named, size_t n,
                                      struct instance *last)
{
    size_t n_named = json_array_size(named);

    if (n_named) {
        return instance_find(cluster, json_string_value(json_array_get(named, n % n_named)));
    }
    for (int lap = 0; lap < 2; lap++, last = NULL) {
        do {
            last = instance_next(cluster, last ? last->arn : NULL);
        } while (last && streq(last->now.status, "INACTIVE"));
        if (last) {
            return last;
        }
    }
    return NULL;
}

static int make_tasks_locked(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    struct definition *def = NULL;
    struct task_spec spec = {0};
    const json_t *named = NULL;
    struct instance *instance = NULL;
    bool events = false;
    int64_t n = 0;

    if (find_cluster(sim, call, &cluster) < 0 || definition_or(sim, call, "foreign", &def) < 0 ||
        input_count(call, "count", 1, &n) < 0 || input_bool(call, "events", false, &events) < 0 ||
        input_text(call, "startedBy", &spec.started_by) < 0 ||
        input_text(call, "group", &spec.group) < 0 ||
        input_texts(call, "instances", 0, COUNT_MAX, &named) < 0) {
        return -1;
    }
    emit_open(&call->out, "taskArns", '[');
    for (int64_t i = 0; i < n; i++) {
        instance = next_instance(cluster, named, (size_t)i, instance);
        if (!instance) {
            return not_found(call, "instance for the tasks", "");
        }
        emit_text(&call->out, NULL, task_seed(&sim->world, instance, def, &spec, events)->arn);
    }
    emit_close(&call->out, ']');
    return 0;
}

static void emit_task(struct call *call, const struct task *task)
{
    struct emit *e = &call->out;

    emit_open(e, NULL, '{');
    emit_text(e, "task", task->arn);
    emit_text(e, "instance", task->instance->arn);
    emit_text(e, "taskDefinition", task->definition->arn);
    emit_text(e, "startedBy", task->started_by ? task->started_by : "");
    emit_text(e, "group", task->group);
    emit_text(e, "lastStatus", task_status_name(task->now.last));
    emit_text(e, "desiredStatus", task_status_name(task->now.desired));
    emit_int(e, "version", task->now.version);
    emit_close(e, '}');
}

static int list_tasks_locked(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    struct instance *instance = NULL;
    const char *arn = NULL;

    if (find_cluster(sim, call, &cluster) < 0 || input_text(call, "instance", &arn) < 0) {
        return -1;
    }
    if (arn && !(instance = instance_find(cluster, arn))) {
        return not_found(call, "instance", arn);
    }
    struct task *task = NULL;

    arn = NULL;
    emit_open(&call->out, "tasks", '[');
    while ((task = instance ? task_next_on(instance, arn) : task_next(cluster, arn))) {
        emit_task(call, task);
        arn = task->arn;
    }
    emit_close(&call->out, ']');
    return 0;
}

static int crash_task_locked(struct sim *sim, struct call *call)
{
    struct task *task = NULL;
    int64_t exit_code = 0;
    struct task_end end = {
        .code = "EssentialContainerExited",
        .reason = "Essential container in task exited",
        .reports_instance = true,
    };

    if (find_task(sim, call, &task) < 0 || input_int(call, "exitCode", 1, &exit_code) < 0 ||
        input_text(call, "reason", &end.container_reason) < 0) {
        return -1;
    }
    end.exit_code = (int)exit_code;
    task_end(&sim->world, task, &end);
    return 0;
}

static int set_health_locked(struct sim *sim, struct call *call)
{
    struct task *task = NULL;
    const char *health = NULL;

    if (find_task(sim, call, &task) < 0 || input_need_text(call, "health", &health) < 0) {
        return -1;
    }
    if (!streq(health, "HEALTHY") && !streq(health, "UNHEALTHY") && !streq(health, "UNKNOWN")) {
        return refuse(call, "", "health: want HEALTHY, UNHEALTHY or UNKNOWN");
    }
    task_set_health(&sim->world, task, health);
    return 0;
}

static int storm_locked(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    struct definition *def = NULL;
    int64_t n_tasks = 0;
    int64_t n_events = 0;
    int64_t rate = 0;
    int64_t began_ms = clock_mono_ms();

    if (find_cluster(sim, call, &cluster) < 0 || definition_or(sim, call, "storm", &def) < 0 ||
        input_count(call, "tasks", 100, &n_tasks) < 0 ||
        input_count(call, "events", 1000, &n_events) < 0 ||
        input_count(call, "rate", 0, &rate) < 0) {
        return -1;
    }
    if (!instance_next(cluster, NULL) || n_tasks == 0) {
        return refuse(call, "", "a storm wants instances in the cluster, and tasks");
    }
    size_t n_lives =
        storm_begin(&sim->world, cluster, def, (size_t)n_tasks, (size_t)n_events, (size_t)rate);

    emit_int(&call->out, "events", n_events);
    emit_int(&call->out, "tasks", (int64_t)n_lives);
    emit_int(&call->out, "took_ms", clock_mono_ms() - began_ms);
    return 0;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* A handler of that name which holds the world's lock. */
#define LOCKED(name)                                                                               \
    static int name(struct sim *sim, struct call *call)                                            \
    {                                                                                              \
        world_lock(&sim->world);                                                                   \
        int result = name##_locked(sim, call);                                                     \
        world_unlock(&sim->world);                                                                 \
        return result;                                                                             \
    }                                                                                              \
    struct sim /* so that a semicolon may follow */

LOCKED(make_instances);
LOCKED(list_instances);
LOCKED(change_instance);
LOCKED(delete_instance);
LOCKED(vanish_instance);
LOCKED(make_tasks);
LOCKED(list_tasks);
LOCKED(crash_task);
LOCKED(set_health);
LOCKED(storm);

const struct control_route control_world_routes[] = {
    {"POST", "/clusters", make_cluster},
    {"POST", "/task-definitions", make_task_definition},
    {"GET", "/instances", list_instances},
    {"POST", "/instances", make_instances},
    {"PATCH", "/instance", change_instance},
    {"DELETE", "/instance", delete_instance},
    {"POST", "/instance/vanish", vanish_instance},
    {"GET", "/tasks", list_tasks},
    {"POST", "/tasks", make_tasks},
    {"POST", "/task/crash", crash_task},
    {"POST", "/task/health", set_health},
    {"POST", "/storm", storm},
    {0},
};
