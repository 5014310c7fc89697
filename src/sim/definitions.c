/* Task definitions: families, revisions, and what a task of one needs from an instance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/texts.h"
#include "sim/world.h"
#include "util/clock.h"
#include "util/mem.h"

#define STOP_TIMEOUT_DEFAULT_S 30 /* ECS_CONTAINER_STOP_TIMEOUT of the agent */

TREE_BY_TEXT(family_tree, family, node, name);

/* ---- finding --------------------------------------------------------------------------------- */

static struct family *family_find(struct world *world, const char *name)
{
    return RB_FIND(family_tree, &world->families, &(struct family){.name = name});
}

struct family *family_next(struct world *world, const char *after)
{
    return family_tree_after(&world->families, after);
}

static struct definition *latest_active(const struct family *family)
{
    for (size_t n = family->n_revisions; n > 0; n--) {
        if (family->revisions[n - 1]->active) {
            return family->revisions[n - 1];
        }
    }
    return NULL;
}

struct definition *definition_find(struct world *world, const char *reference)
{
    const char *slash = strrchr(reference, '/');
    AUTO_CHAR *name = xstrdup(slash ? slash + 1 : reference);
    char *colon = strchr(name, ':');
    char *end = NULL;

    if (colon) {
        *colon = '\0';
    }
    struct family *family = family_find(world, name);

    if (!family) {
        return NULL;
    }
    if (!colon) {
        return latest_active(family);
    }
    long revision = strtol(colon + 1, &end, 10);

    if (*end != '\0' || revision < 1 || (size_t)revision > family->n_revisions) {
        return NULL;
    }
    struct definition *found = family->revisions[revision - 1];

    return slash && !streq(found->arn, reference) ? NULL : found;
}

/* ---- what a task needs ----------------------------------------------------------------------- */

static int number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_string(value) ? atoi(json_string_value(value)) : (int)json_integer_value(value);
}

static void add_ports(struct definition *def, const json_t *container, bool host_network)
{
    size_t i = 0;
    const json_t *mapping = NULL;

    json_array_foreach(json_object_get(container, "portMappings"), i, mapping)
    {
        const char *protocol = json_string_value(json_object_get(mapping, "protocol"));
        int host_port = number(mapping, "hostPort");

        if (host_network && host_port == 0) {
            host_port = number(mapping, "containerPort");
        }
        if (host_port != 0 && def->n_ports < DEFINITION_PORTS) {
            def->ports[def->n_ports++] =
                (struct port){host_port, protocol && streq(protocol, "udp")};
        }
    }
}

/* The sums ECS reserves: the task's own figures win over those of its containers. */
static void add_needs(struct definition *def, const json_t *input)
{
    const char *mode = json_string_value(json_object_get(input, "networkMode"));
    bool host_network = mode && streq(mode, "host");
    size_t i = 0;
    const json_t *container = NULL;

    def->own_interface = mode && streq(mode, "awsvpc");
    json_array_foreach(json_object_get(input, "containerDefinitions"), i, container)
    {
        const json_t *timeout = json_object_get(container, "stopTimeout");
        int64_t timeout_ms =
            (timeout ? json_integer_value(timeout) : STOP_TIMEOUT_DEFAULT_S) * 1000;
        int soft = number(container, "memoryReservation");

        def->cpu += number(container, "cpu");
        def->memory += soft ? soft : number(container, "memory");
        def->stop_timeout_ms =
            timeout_ms > def->stop_timeout_ms ? timeout_ms : def->stop_timeout_ms;
        def->health_check |= json_object_get(container, "healthCheck") != NULL;
        if (!def->own_interface) {
            add_ports(def, container, host_network);
        }
    }
    if (number(input, "cpu")) {
        def->cpu = number(input, "cpu");
    }
    if (number(input, "memory")) {
        def->memory = number(input, "memory");
    }
}

static void require(json_t *list, const char *name)
{
    json_array_append_new(list, json_pack("{s:s}", "name", name));
}

/* The capabilities which ECS derives from the parameters that are used. */
static json_t *derive_requirements(const json_t *input, const struct definition *def)
{
    json_t *list = json_array();
    size_t i = 0;
    const json_t *container = NULL;

    json_array_extend(list, json_object_get(input, "requiresAttributes")); /* control API only */
    require(list, "com.amazonaws.ecs.capability.docker-remote-api.1.18");
    if (def->own_interface) {
        require(list, "ecs.capability.task-eni");
    }
    if (def->health_check) {
        require(list, "ecs.capability.container-health-check");
    }
    if (json_object_get(input, "taskRoleArn")) {
        require(list, "com.amazonaws.ecs.capability.task-iam-role");
    }
    json_array_foreach(json_object_get(input, "containerDefinitions"), i, container)
    {
        const char *driver = json_string_value(
            json_object_get(json_object_get(container, "logConfiguration"), "logDriver"));

        if (json_is_true(json_object_get(container, "privileged"))) {
            require(list, "com.amazonaws.ecs.capability.privileged-container");
        }
        if (driver) {
            char name[128];

            snprintf(name, sizeof(name), "com.amazonaws.ecs.capability.logging-driver.%s", driver);
            require(list, name);
        }
    }
    return list;
}

bool definition_lacks(const struct definition *def, const json_t *attributes)
{
    size_t i = 0;
    const json_t *wanted = NULL;

    json_array_foreach(def->requires, i, wanted)
    {
        const char *name = json_string_value(json_object_get(wanted, "name"));
        size_t a = 0;
        const json_t *attribute = NULL;
        bool found = false;

        json_array_foreach(attributes, a, attribute)
        {
            found |= streq(json_string_value(json_object_get(attribute, "name")), name);
        }
        if (!found) {
            return true;
        }
    }
    return false;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void default_to(json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key)) {
        json_decref(value);
    } else {
        json_object_set_new(object, key, value);
    }
}

/* What ECS shows of a registered definition: the input, and the defaults it fills in. */
static json_t *describe_input(const json_t *input, const json_t *requires)
{
    json_t *body = json_deep_copy(input);
    size_t i = 0;
    json_t *container = NULL;

    json_object_del(body, "tags");
    json_array_foreach(json_object_get(body, "containerDefinitions"), i, container)
    {
        size_t p = 0;
        json_t *mapping = NULL;

        default_to(container, "cpu", json_integer(0));
        default_to(container, "essential", json_true());
        default_to(container, "portMappings", json_array());
        default_to(container, "environment", json_array());
        default_to(container, "mountPoints", json_array());
        default_to(container, "volumesFrom", json_array());
        json_array_foreach(json_object_get(container, "portMappings"), p, mapping)
        {
            default_to(mapping, "hostPort", json_integer(0));
            default_to(mapping, "protocol", json_string("tcp"));
        }
    }
    default_to(body, "volumes", json_array());
    default_to(body, "placementConstraints", json_array());
    json_object_set_new(body, "compatibilities", json_pack("[s, s]", "EXTERNAL", "EC2"));
    json_object_set_new(body, "requiresAttributes", json_deep_copy(requires));
    return body;
}

static struct family *family_make(struct world *world, const char *name)
{
    struct family *family = family_find(world, name);

    if (!family) {
        family = xcalloc(1, sizeof(*family));
        family->name = text_keep(name);
        RB_INSERT(family_tree, &world->families, family);
    }
    return family;
}

struct definition *definition_make(struct world *world, const json_t *input)
{
    struct family *family = family_make(world, json_string_value(json_object_get(input, "family")));
    struct definition *def = xcalloc(1, sizeof(*def));

    family->revisions =
        xreallocarray(family->revisions, family->n_revisions + 1, sizeof(struct definition *));
    family->revisions[family->n_revisions++] = def;
    def->family = family->name;
    def->revision = (int)family->n_revisions;
    def->arn = text_keepf("arn:aws:ecs:%s:%s:task-definition/%s:%d", world->region, world->account,
                          def->family, def->revision);
    def->active = true;
    def->registered_at_ms = clock_wall_ms();
    add_needs(def, input);
    def->requires = derive_requirements(input, def);
    def->body = describe_input(input, def->requires);
    return def;
}

static void definition_free(struct definition *def)
{
    json_decref(def->body);
    json_decref(def->requires);
    free(def);
}

void families_free(struct world *world)
{
    struct family *family = NULL;

    while ((family = RB_MIN(family_tree, &world->families))) {
        for (size_t i = 0; i < family->n_revisions; i++) {
            definition_free(family->revisions[i]);
        }
        free(family->revisions);
        RB_REMOVE(family_tree, &world->families, family);
        free(family);
    }
}
