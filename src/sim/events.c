/* ECS' objects as it spells them, and the EventBridge events that carry them.
 * Source: ECS Developer Guide, "Amazon ECS events"; ECS API Reference, Task, ContainerInstance. */
#include "sim/events.h"

#include <stdio.h>
#include <string.h>

#include "util/clock.h"
#include "util/uuid.h"

#define ARN_LEN_MAX        512
#define DYNAMIC_PORT_FIRST 32768 /* of bridge mode with hostPort 0 */
#define DYNAMIC_PORTS      28000

/* The two spellings of a time. */
typedef void (*emit_time)(struct emit *e, const char *key, int64_t at_ms);

/* ---- tasks ----------------------------------------------------------------------------------- */

/* Stable without being stored: the task's id with another end. */
static void container_arn(const struct world *world, const struct task *task, size_t index,
                          char out[ARN_LEN_MAX])
{
    char hex[33] = "";
    char path[128] = "";
    size_t n = 0;

    for (const char *c = task->id; *c && n < sizeof(hex) - 1; c++) {
        if (*c != '-') {
            hex[n++] = *c;
        }
    }
    if (!world->settings->old_arns) {
        snprintf(path, sizeof(path), "%.80s/%.40s/", task->cluster->name, task->id);
    }
    snprintf(out, ARN_LEN_MAX, "arn:aws:ecs:%s:%s:container/%s%.8s-%.4s-%.4s-%.4s-%.10s%02x",
             world->region, world->account, path, hex, hex + 8, hex + 12, hex + 16, hex + 20,
             (unsigned int)(index & 0xff));
}

static int dynamic_port(const struct task *task, size_t index)
{
    unsigned int sum = 0;

    for (const char *c = task->id; *c; c++) {
        sum = sum * 31 + (unsigned char)*c;
    }
    return DYNAMIC_PORT_FIRST + (int)((sum + index) % DYNAMIC_PORTS);
}

static void render_bindings(struct emit *e, const struct task *task, const json_t *container,
                            bool running)
{
    size_t i = 0;
    const json_t *mapping = NULL;

    emit_open(e, "networkBindings", '[');
    json_array_foreach(running ? json_object_get(container, "portMappings") : NULL, i, mapping)
    {
        int host_port = (int)json_integer_value(json_object_get(mapping, "hostPort"));

        emit_open(e, NULL, '{');
        emit_text(e, "bindIP", "0.0.0.0");
        emit_json(e, "containerPort", json_object_get(mapping, "containerPort"));
        emit_int(e, "hostPort", host_port ? host_port : dynamic_port(task, i));
        emit_json(e, "protocol", json_object_get(mapping, "protocol"));
        emit_close(e, '}');
    }
    emit_close(e, ']');
}

/* Figures that are numbers in a task definition are texts in a task. */
static void emit_number_as_text(struct emit *e, const char *key, const json_t *value)
{
    if (value) {
        emit_int_as_text(e, key, json_integer_value(value));
    }
}

static void render_container(struct emit *e, const struct world *world, const struct task *task,
                             const struct task_state *state, const json_t *container, size_t index,
                             bool in_event)
{
    char arn[ARN_LEN_MAX];

    container_arn(world, task, index, arn);
    emit_open(e, NULL, '{');
    emit_text(e, "containerArn", arn);
    if (state->last == STATUS_STOPPED && state->has_exit_code) {
        emit_int(e, "exitCode", state->exit_code);
    }
    emit_text(e, "lastStatus", task_status_name(state->last));
    emit_json(e, "name", json_object_get(container, "name"));
    emit_json(e, "image", json_object_get(container, "image"));
    if (state->started_at_ms) {
        emit_text(e, "runtimeId", task->id);
    }
    emit_text(e, "taskArn", task->arn);
    emit_text_if(e, "reason", state->container_reason);
    render_bindings(e, task, container, state->started_at_ms != 0);
    emit_open(e, "networkInterfaces", '[');
    emit_close(e, ']');
    if (!in_event) {
        emit_text(e, "healthStatus",
                  json_object_get(container, "healthCheck") ? state->health : "UNKNOWN");
    }
    emit_number_as_text(e, "cpu", json_object_get(container, "cpu"));
    emit_number_as_text(e, "memory", json_object_get(container, "memory"));
    emit_number_as_text(e, "memoryReservation", json_object_get(container, "memoryReservation"));
    emit_close(e, '}');
}

static void render_overrides(struct emit *e, const struct task *task)
{
    size_t i = 0;
    const json_t *container = NULL;

    if (task->overrides) {
        emit_json(e, "overrides", task->overrides);
        return;
    }
    emit_open(e, "overrides", '{');
    emit_open(e, "containerOverrides", '[');
    json_array_foreach(json_object_get(task->definition->body, "containerDefinitions"), i,
                       container)
    {
        emit_open(e, NULL, '{');
        emit_json(e, "name", json_object_get(container, "name"));
        emit_close(e, '}');
    }
    emit_close(e, ']');
    emit_close(e, '}');
}

/* What events and Describe share. */
static void render_task_fields(struct emit *e, const struct world *world, const struct task *task,
                               const struct task_state *state, emit_time time, bool in_event)
{
    size_t i = 0;
    const json_t *container = NULL;

    emit_open(e, "attachments", '[');
    emit_close(e, ']');
    emit_open(e, "attributes", '[');
    emit_open(e, NULL, '{');
    emit_text(e, "name", "ecs.cpu-architecture");
    emit_text(e, "value", "x86_64");
    emit_close(e, '}');
    emit_close(e, ']');
    emit_text(e, "availabilityZone", task->instance->zone);
    emit_text(e, "clusterArn", task->cluster->arn);
    emit_text(e, "connectivity", "CONNECTED");
    time(e, "connectivityAt", task->created_at_ms);
    emit_text(e, "containerInstanceArn", task->instance->arn);
    emit_open(e, "containers", '[');
    json_array_foreach(json_object_get(task->definition->body, "containerDefinitions"), i,
                       container)
    {
        render_container(e, world, task, state, container, i, in_event);
    }
    emit_close(e, ']');
    emit_int_as_text(e, "cpu", task->definition->cpu);
    time(e, "createdAt", task->created_at_ms);
    emit_text(e, "desiredStatus", task_status_name(state->desired));
    emit_bool(e, "enableExecuteCommand", false);
    time(e, "executionStoppedAt", state->stopped_at_ms);
    emit_text(e, "group", task->group);
    emit_text(e, "lastStatus", task_status_name(state->last));
    emit_text(e, "launchType", "EC2");
    emit_int_as_text(e, "memory", task->definition->memory);
    render_overrides(e, task);
    time(e, "pullStartedAt", state->pull_started_at_ms);
    time(e, "pullStoppedAt", state->started_at_ms);
    time(e, "startedAt", state->started_at_ms);
    emit_text_if(e, "startedBy", task->started_by);
    emit_text_if(e, "stopCode", state->stop_code);
    time(e, "stoppedAt", state->stopped_at_ms);
    emit_text_if(e, "stoppedReason", state->stopped_reason);
    time(e, "stoppingAt", state->stopping_at_ms);
    emit_text(e, "taskArn", task->arn);
    emit_text(e, "taskDefinitionArn", task->definition->arn);
    emit_int(e, "version", state->version);
}

void render_task(struct emit *e, const char *key, const struct world *world,
                 const struct task *task, const struct task_state *state, bool with_tags)
{
    emit_open(e, key, '{');
    render_task_fields(e, world, task, state, emit_epoch, false);
    emit_text(e, "healthStatus", task->definition->health_check ? state->health : "UNKNOWN");
    if (with_tags && task->tags) {
        emit_json(e, "tags", task->tags);
    } else {
        emit_open(e, "tags", '[');
        emit_close(e, ']');
    }
    emit_close(e, '}');
}

/* ---- container instances --------------------------------------------------------------------- */

static void render_integer_resource(struct emit *e, const char *name, int value, bool in_event)
{
    emit_open(e, NULL, '{');
    emit_text(e, "name", name);
    emit_text(e, "type", "INTEGER");
    if (!in_event) {
        emit_real(e, "doubleValue", 0);
        emit_int(e, "longValue", 0);
    }
    emit_int(e, "integerValue", value);
    emit_close(e, '}');
}

static void render_ports(struct emit *e, const char *name, const struct instance_state *state,
                         int n_ports, bool udp, bool in_event)
{
    emit_open(e, NULL, '{');
    emit_text(e, "name", name);
    emit_text(e, "type", "STRINGSET");
    if (!in_event) {
        emit_real(e, "doubleValue", 0);
        emit_int(e, "longValue", 0);
        emit_int(e, "integerValue", 0);
    }
    emit_open(e, "stringSetValue", '[');
    for (int i = 0; i < n_ports; i++) {
        if (state->ports[i].udp == udp) {
            emit_int_as_text(e, NULL, state->ports[i].number);
        }
    }
    emit_close(e, ']');
    emit_close(e, '}');
}

#define AGENTS_PORTS 5 /* the first ones of an instance are its agent's: registered as taken */

static void render_resources(struct emit *e, const struct instance *instance,
                             const struct instance_state *state, bool in_event)
{
    emit_open(e, "registeredResources", '[');
    render_integer_resource(e, "CPU", instance->cpu, in_event);
    render_integer_resource(e, "MEMORY", instance->memory, in_event);
    render_ports(e, "PORTS", state, AGENTS_PORTS, false, in_event);
    render_ports(e, "PORTS_UDP", state, AGENTS_PORTS, true, in_event);
    emit_close(e, ']');
    emit_open(e, "remainingResources", '[');
    render_integer_resource(e, "CPU", state->cpu, in_event);
    render_integer_resource(e, "MEMORY", state->memory, in_event);
    render_ports(e, "PORTS", state, state->n_ports, false, in_event);
    render_ports(e, "PORTS_UDP", state, state->n_ports, true, in_event);
    emit_close(e, ']');
}

static void render_instance_fields(struct emit *e, const struct instance *instance,
                                   const struct instance_state *state, bool in_event)
{
    emit_bool(e, "agentConnected", state->agent_connected);
    emit_json(e, "attributes", state->attributes);
    emit_text(e, "containerInstanceArn", instance->arn);
    emit_text(e, "ec2InstanceId", instance->ec2_id);
    render_resources(e, instance, state, in_event);
    emit_text(e, "status", state->status);
    emit_int(e, "version", state->version);
    emit_open(e, "versionInfo", '{');
    emit_text(e, "agentHash", "5b2c1f8d");
    emit_text(e, "agentVersion", "1.75.0");
    emit_text(e, "dockerVersion", "DockerVersion: 20.10.25");
    emit_close(e, '}');
}

/* No clusterArn: ECS' own answer has none. */
void render_instance(struct emit *e, const char *key, const struct instance *instance,
                     const struct instance_state *state)
{
    emit_open(e, key, '{');
    render_instance_fields(e, instance, state, false);
    emit_int(e, "runningTasksCount", state->running);
    emit_int(e, "pendingTasksCount", state->pending);
    emit_epoch(e, "registeredAt", instance->registered_at_ms);
    emit_open(e, "attachments", '[');
    emit_close(e, ']');
    emit_open(e, "tags", '[');
    emit_close(e, ']');
    emit_close(e, '}');
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Opens the envelope and `detail`. */
static struct emit begin_event(struct world *world, const char *type, const char *resource)
{
    struct emit e = {.out = &world->event};
    char id[UUID_LEN];
    char at[CLOCK_ISO_LEN];

    uuid_make(id);
    clock_format_iso_ms(clock_wall_ms(), at);
    snprintf(at + sizeof("2017-01-02T03:04:05") - 1, 2, "Z"); /* whole seconds */
    strbuf_reset(&world->event);
    emit_open(&e, NULL, '{');
    emit_text(&e, "version", "0");
    emit_text(&e, "id", id);
    emit_text(&e, "detail-type", type);
    emit_text(&e, "source", "aws.ecs");
    emit_text(&e, "account", world->account);
    emit_text(&e, "time", at);
    emit_text(&e, "region", world->region);
    emit_open(&e, "resources", '[');
    emit_text(&e, NULL, resource);
    emit_close(&e, ']');
    emit_open(&e, "detail", '{');
    return e;
}

static void end_event(struct world *world, struct emit *e)
{
    emit_close(e, '}');
    emit_close(e, '}');
    world->publish(world->publish_ctx, &world->event);
}

void event_of_task(struct world *world, const struct task *task)
{
    struct emit e = begin_event(world, "ECS Task State Change", task->arn);

    render_task_fields(&e, world, task, &task->now, emit_iso, true);
    emit_iso(&e, "updatedAt", task->now.updated_at_ms);
    end_event(world, &e);
}

void event_of_instance(struct world *world, const struct instance *instance)
{
    struct emit e = begin_event(world, "ECS Container Instance State Change", instance->arn);

    render_instance_fields(&e, instance, &instance->now, true);
    emit_text(&e, "clusterArn", instance->cluster->arn);
    emit_iso(&e, "updatedAt", instance->now.updated_at_ms);
    end_event(world, &e);
}
