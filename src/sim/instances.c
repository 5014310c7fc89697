/* Container instances: registration, resources, state, and what ECS reports of them. */
#include <stdlib.h>
#include <string.h>

#include "sim/events.h"
#include "sim/texts.h"
#include "sim/world.h"
#include "util/clock.h"
#include "util/mem.h"

TREE_BY_TEXT(instance_tree, instance, by_arn, arn);

/* What the agent on Amazon's Linux image says of itself. */
static const char *const capabilities[] = {
    "com.amazonaws.ecs.capability.privileged-container",
    "com.amazonaws.ecs.capability.docker-remote-api.1.18",
    "com.amazonaws.ecs.capability.docker-remote-api.1.24",
    "com.amazonaws.ecs.capability.logging-driver.json-file",
    "com.amazonaws.ecs.capability.logging-driver.syslog",
    "com.amazonaws.ecs.capability.logging-driver.awslogs",
    "com.amazonaws.ecs.capability.task-iam-role",
    "com.amazonaws.ecs.capability.ecr-auth",
    "ecs.capability.task-eni",
    "ecs.capability.container-health-check",
};

static const struct port agents_ports[] = {
    {22, false}, {2375, false}, {2376, false}, {51678, false}, {51679, false}};

/* ---- finding --------------------------------------------------------------------------------- */

struct instance *instance_find(struct cluster *cluster, const char *id_or_arn)
{
    const char *slash = strrchr(id_or_arn, '/');
    const char *id = slash ? slash + 1 : id_or_arn;
    struct instance *found = NULL;

    HASH_FIND(hh, cluster->instances_by_id, id, strlen(id), found);
    return found && slash && !streq(found->arn, id_or_arn) ? NULL : found;
}

struct instance *instance_find_anywhere(struct world *world, const char *arn)
{
    struct instance *found = NULL;

    for (struct cluster *c = cluster_next(world, NULL); c && !found;
         c = cluster_next(world, c->arn)) {
        found = instance_find(c, arn);
    }
    return found;
}

struct instance *instance_next(struct cluster *cluster, const char *after_arn)
{
    return instance_tree_after(&cluster->instances, after_arn);
}

/* ---- the past, for a Describe that lags ------------------------------------------------------ */

static void free_past(struct instance_past *past)
{
    while (past) {
        struct instance_past *older = past->older;

        json_decref(past->state.attributes);
        free(past);
        past = older;
    }
}

/* Ends the list where nobody can look any more. */
static void prune_past(struct instance_past **past, int64_t seen_ms)
{
    while (*past && (*past)->until_ms > seen_ms) {
        past = &(*past)->older;
    }
    free_past(*past);
    *past = NULL;
}

void instance_will_change(struct world *world, struct instance *instance)
{
    prune_past(&instance->past, world_seen_ms(world));
    if (world->settings->listing_lag_ms > 0) {
        struct instance_past *past = xcalloc(1, sizeof(*past));

        past->older = instance->past;
        past->until_ms = clock_mono_ms();
        past->state = instance->now;
        json_incref(past->state.attributes);
        instance->past = past;
    }
}

const struct instance_state *instance_seen(const struct world *world, const struct instance *i)
{
    int64_t seen_ms = world_seen_ms(world);
    const struct instance_state *state = &i->now;

    if (world->settings->listing_lag_ms == 0) {
        return state;
    }
    if (i->registered_mono_ms > seen_ms) {
        return NULL;
    }
    for (const struct instance_past *past = i->past; past && past->until_ms > seen_ms;
         past = past->older) {
        state = &past->state;
    }
    return state;
}

/* ---- registration ---------------------------------------------------------------------------- */

static void add_attribute(json_t *list, const char *name, const char *value)
{
    json_array_append_new(list, value ? json_pack("{s:s, s:s}", "name", name, "value", value)
                                      : json_pack("{s:s}", "name", name));
}

static json_t *first_attributes(const struct instance *instance, json_t *own)
{
    json_t *list = json_array();
    const char *name = NULL;
    json_t *value = NULL;

    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
        add_attribute(list, capabilities[i], NULL);
    }
    add_attribute(list, "ecs.availability-zone", instance->zone);
    add_attribute(list, "ecs.ami-id", "ami-0123456789abcdef0");
    add_attribute(list, "ecs.instance-type", "m5.xlarge");
    add_attribute(list, "ecs.os-type", "linux");
    add_attribute(list, "ecs.cpu-architecture", "x86_64");
    json_object_foreach(own, name, value)
    {
        add_attribute(list, name, json_string_value(value));
    }
    return list;
}

struct instance *instance_make(struct world *world, struct cluster *cluster,
                               const struct instance_spec *spec)
{
    struct instance *instance = xcalloc(1, sizeof(*instance));
    int64_t n = ++world->ec2_ids;

    instance->cluster = cluster;
    instance->arn = world_make_arn(world, "container-instance", cluster);
    instance->id = strrchr(instance->arn, '/') + 1;
    instance->ec2_id = text_keepf("i-%017llx", (long long)n);
    instance->zone = text_keepf("%s%c", world->region, (char)('a' + n % 3));
    instance->cpu = spec->cpu;
    instance->memory = spec->memory;
    instance->registered_at_ms = clock_wall_ms();
    instance->registered_mono_ms = clock_mono_ms();
    RB_INIT(&instance->tasks);
    instance->now = (struct instance_state){
        .status = "ACTIVE",
        .agent_connected = spec->agent_connected,
        .cpu = spec->cpu,
        .memory = spec->memory,
        .n_ports = ARRAY_LEN(agents_ports),
        .attributes = first_attributes(instance, spec->attributes),
    };
    memcpy(instance->now.ports, agents_ports, sizeof(agents_ports));
    RB_INSERT(instance_tree, &cluster->instances, instance);
    HASH_ADD_KEYPTR(hh, cluster->instances_by_id, instance->id, strlen(instance->id), instance);
    world->n_instances++;
    cluster->registered++;
    instance_report(world, instance);
    return instance;
}

void instance_free(struct world *world, struct instance *instance)
{
    struct cluster *cluster = instance->cluster;

    timer_cancel(&world->timers, &instance->timer);
    RB_REMOVE(instance_tree, &cluster->instances, instance);
    HASH_DELETE(hh, cluster->instances_by_id, instance);
    world->n_instances--;
    free_past(instance->past);
    json_decref(instance->now.attributes);
    free(instance);
}

/* ---- changes --------------------------------------------------------------------------------- */

void instance_report(struct world *world, struct instance *instance)
{
    instance->now.version++;
    instance->now.updated_at_ms = clock_wall_ms();
    event_of_instance(world, instance);
}

void instance_set_status(struct world *world, struct instance *instance, const char *status)
{
    if (!streq(instance->now.status, status)) {
        instance_will_change(world, instance);
        instance->now.status = text_keep(status);
        instance_report(world, instance);
    }
}

void instance_set_agent(struct world *world, struct instance *instance, bool connected)
{
    if (instance->now.agent_connected == connected) {
        return;
    }
    instance_will_change(world, instance);
    instance->now.agent_connected = connected;
    instance_report(world, instance);
    for (struct task *t = connected ? task_next_on(instance, NULL) : NULL; t;
         t = task_next_on(instance, t->arn)) {
        task_resume(world, t);
    }
}

void instance_set_attributes(struct world *world, struct instance *instance, json_t *attributes)
{
    instance_will_change(world, instance);
    json_decref(instance->now.attributes);
    instance->now.attributes = attributes;
}

static void forget(void *ctx, struct timer *timer)
{
    struct world *world = ctx;
    struct instance *instance =
        (struct instance *)(void *)((char *)timer - offsetof(struct instance, timer));

    if (task_next_on(instance, NULL)) { /* its last task is to be forgotten first */
        world_set_timer(world, timer, 1000, forget);
    } else {
        instance_free(world, instance);
    }
}

void instance_deregister(struct world *world, struct instance *instance)
{
    static const struct task_end end = {
        .code = "UserInitiated",
        .reason = "Container instance deregistration forced by user",
        .exit_code = -1,
    };

    instance_will_change(world, instance);
    instance->now.status = "INACTIVE";
    instance->cluster->registered--;
    for (struct task *t = task_next_on(instance, NULL); t; t = task_next_on(instance, t->arn)) {
        task_end(world, t, &end);
    }
    instance_report(world, instance);
    world_set_timer(world, &instance->timer, KEPT_AFTER_END_MS, forget);
}

void instance_vanish(struct world *world, struct instance *instance)
{
    struct task *task = NULL;

    while ((task = task_next_on(instance, NULL))) {
        if (task->now.last != STATUS_STOPPED) {
            task->now.last = STATUS_STOPPED;
            task->now.desired = STATUS_STOPPED;
            world_record(world, task);
        }
        task_free(world, task);
    }
    if (!streq(instance->now.status, "INACTIVE")) {
        instance->cluster->registered--;
    }
    instance_free(world, instance);
}

/* ---- resources ------------------------------------------------------------------------------- */

static bool port_is_taken(const struct instance_state *state, const struct port *port)
{
    for (int i = 0; i < state->n_ports; i++) {
        if (state->ports[i].number == port->number && state->ports[i].udp == port->udp) {
            return true;
        }
    }
    return false;
}

const char *instance_refuses(const struct instance *instance, const struct definition *definition)
{
    const struct instance_state *now = &instance->now;

    if (streq(now->status, "INACTIVE")) {
        return "INACTIVE";
    }
    if (!now->agent_connected) {
        return "AGENT";
    }
    if (definition_lacks(definition, now->attributes)) {
        return "ATTRIBUTE";
    }
    if (definition->cpu > now->cpu) {
        return "RESOURCE:CPU";
    }
    if (definition->memory > now->memory) {
        return "RESOURCE:MEMORY";
    }
    if (now->n_ports + (int)definition->n_ports > INSTANCE_PORTS_MAX) {
        return "RESOURCE:PORTS";
    }
    for (size_t i = 0; i < definition->n_ports; i++) {
        if (port_is_taken(now, &definition->ports[i])) {
            return "RESOURCE:PORTS";
        }
    }
    return NULL;
}

void instance_take(struct instance *instance, const struct definition *definition)
{
    struct instance_state *now = &instance->now;

    now->cpu -= definition->cpu;
    now->memory -= definition->memory;
    memcpy(now->ports + now->n_ports, definition->ports,
           definition->n_ports * sizeof(definition->ports[0]));
    now->n_ports += (int)definition->n_ports;
}

void instance_give_back(struct instance *instance, const struct definition *definition)
{
    struct instance_state *now = &instance->now;

    now->cpu += definition->cpu;
    now->memory += definition->memory;
    for (size_t d = 0; d < definition->n_ports; d++) {
        for (int i = 0; i < now->n_ports; i++) {
            if (now->ports[i].number == definition->ports[d].number &&
                now->ports[i].udp == definition->ports[d].udp) {
                memmove(now->ports + i, now->ports + i + 1,
                        (size_t)(now->n_ports - i - 1) * sizeof(now->ports[0]));
                now->n_ports--;
                break;
            }
        }
    }
}
