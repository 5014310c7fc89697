/* ECS: task definitions. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/ecs.h"
#include "util/clock.h"

#define FAMILY_LEN_MAX     255
#define CONTAINERS_MAX     10
#define STOP_TIMEOUT_MAX_S 86400 /* generous; 120 on Fargate alone */

/* ---- showing --------------------------------------------------------------------------------- */

static void render_definition(struct emit *e, const char *key, const struct definition *def)
{
    const char *name = NULL;
    json_t *value = NULL;

    emit_open(e, key, '{');
    emit_text(e, "taskDefinitionArn", def->arn);
    emit_int(e, "revision", def->revision);
    emit_text(e, "status", def->active ? "ACTIVE" : "INACTIVE");
    emit_epoch(e, "registeredAt", def->registered_at_ms);
    emit_epoch(e, "deregisteredAt", def->deregistered_at_ms);
    json_object_foreach(def->body, name, value)
    {
        emit_json(e, name, value);
    }
    emit_close(e, '}');
}

static int find_definition(struct sim *sim, struct call *call, struct definition **out)
{
    const char *reference = NULL;

    if (input_need_text(call, "taskDefinition", &reference) < 0) {
        return -1;
    }
    *out = definition_find(&sim->world, reference);
    return *out ? 0 : refuse(call, "ClientException", "Unable to describe task definition.");
}

int ecs_describe_task_definition(struct sim *sim, struct call *call)
{
    struct definition *def = NULL;

    if (find_definition(sim, call, &def) < 0) {
        return -1;
    }
    render_definition(&call->out, "taskDefinition", def);
    emit_open(&call->out, "tags", '[');
    emit_close(&call->out, ']');
    return 0;
}

int ecs_deregister_task_definition(struct sim *sim, struct call *call)
{
    struct definition *def = NULL;
    const char *reference = NULL;

    if (input_need_text(call, "taskDefinition", &reference) < 0) {
        return -1;
    }
    if (!strchr(strrchr(reference, '/') ? strrchr(reference, '/') : reference, ':')) {
        return refuse(call, "ClientException", "The task definition needs a revision.");
    }
    if (find_definition(sim, call, &def) < 0) {
        return -1;
    }
    if (def->active) {
        def->active = false;
        def->deregistered_at_ms = clock_wall_ms();
    }
    render_definition(&call->out, "taskDefinition", def);
    return 0;
}

/* ---- registering ----------------------------------------------------------------------------- */

static bool name_is_valid(const char *name)
{
    for (const char *c = name; *c; c++) {
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_') {
            return false;
        }
    }
    return *name && strlen(name) <= FAMILY_LEN_MAX;
}

static int check_container(struct call *call, const json_t *container, bool task_memory)
{
    const char *name = json_string_value(json_object_get(container, "name"));
    const json_t *timeout = json_object_get(container, "stopTimeout");
    const json_t *ports = json_object_get(container, "portMappings");

    if (!name || !name_is_valid(name)) {
        return refuse(call, "ClientException", "Container.name contains invalid characters.");
    }
    if (!json_is_string(json_object_get(container, "image"))) {
        return refuse(call, "ClientException", "Container.image should not be null or empty.");
    }
    if (!task_memory && !json_object_get(container, "memory") &&
        !json_object_get(container, "memoryReservation")) {
        return refuse(call, "ClientException",
                      "Invalid setting for container '%s'. At least one of 'memory' or "
                      "'memoryReservation' must be specified.",
                      name);
    }
    if (timeout && (!json_is_integer(timeout) || json_integer_value(timeout) < 0 ||
                    json_integer_value(timeout) > STOP_TIMEOUT_MAX_S)) {
        return refuse(call, "ClientException", "Invalid stopTimeout for container '%s'.", name);
    }
    if (ports && !json_is_array(ports)) {
        return refuse(call, "SerializationException",
                      "portMappings can not be converted to a List");
    }
    return 0;
}

static int check_network(struct call *call)
{
    static const char *const modes[] = {"bridge", "host", "awsvpc", "none"};
    const char *mode = NULL;

    if (input_text(call, "networkMode", &mode) < 0) {
        return -1;
    }
    for (size_t i = 0; mode && i < ARRAY_LEN(modes); i++) {
        if (streq(mode, modes[i])) {
            return 0;
        }
    }
    return mode ? refuse(call, "InvalidParameterException", "Invalid network mode '%.50s'.", mode)
                : 0;
}

int ecs_register_task_definition(struct sim *sim, struct call *call)
{
    const char *family = NULL;
    const char *memory = NULL;
    const json_t *containers = NULL;
    size_t i = 0;
    const json_t *each = NULL;

    if (input_need_text(call, "family", &family) < 0 || input_text(call, "memory", &memory) < 0 ||
        input_objects(call, "containerDefinitions", 1, CONTAINERS_MAX, &containers) < 0 ||
        check_network(call) < 0) {
        return -1;
    }
    if (!name_is_valid(family)) {
        return refuse(call, "ClientException", "Family contains invalid characters.");
    }
    json_array_foreach(containers, i, each)
    {
        if (check_container(call, each, memory != NULL) < 0) {
            return -1;
        }
    }
    render_definition(&call->out, "taskDefinition", definition_make(&sim->world, call->input));
    emit_open(&call->out, "tags", '[');
    emit_close(&call->out, ']');
    return 0;
}

/* ---- listing --------------------------------------------------------------------------------- */

/* The filter both listings have. */
struct filter {
    const char *prefix; /* or NULL */
    bool active;
    bool inactive;
};

static int read_filter(struct call *call, struct filter *filter, bool all_allowed)
{
    const char *status = NULL;

    if (input_text(call, "familyPrefix", &filter->prefix) < 0 ||
        input_text(call, "status", &status) < 0) {
        return -1;
    }
    filter->active = !status || streq(status, "ACTIVE");
    filter->inactive = status && streq(status, "INACTIVE");
    if (status && all_allowed && streq(status, "ALL")) {
        filter->active = filter->inactive = true;
    }
    return filter->active || filter->inactive
               ? 0
               : refuse(call, "InvalidParameterException", "Invalid status '%.50s'.", status);
}

static bool list_definition(struct call *call, struct page *page, const struct filter *filter,
                            const struct definition *def)
{
    char key[PAGE_KEY_MAX]; /* revisions in order of number */

    if (def->active ? !filter->active : !filter->inactive) {
        return true;
    }
    snprintf(key, sizeof(key), "%.255s:%d", def->family, def->revision);
    if (!page_take(page, key)) {
        return false;
    }
    emit_text(&call->out, NULL, def->arn);
    return true;
}

static void list_family(struct call *call, struct page *page, const struct filter *filter,
                        const struct family *family, size_t begin, bool descending)
{
    for (size_t i = begin; i < family->n_revisions && !page->more; i++) {
        size_t at = descending ? family->n_revisions - 1 - i : i;

        if (!list_definition(call, page, filter, family->revisions[at])) {
            return;
        }
    }
}

int ecs_list_task_definitions(struct sim *sim, struct call *call)
{
    struct page page;
    struct filter filter = {0};
    const char *sort = NULL;
    int revision = 0;
    char *colon = NULL;

    if (page_read(call, &page) < 0 || read_filter(call, &filter, false) < 0 ||
        input_text(call, "sort", &sort) < 0) {
        return -1;
    }
    bool descending = sort && streq(sort, "DESC");
    struct family *family = family_next(&sim->world, NULL);

    if ((colon = strchr(page.after, ':'))) { /* go on within a family */
        *colon = '\0';
        revision = atoi(colon + 1);
        while (family && strcmp(family->name, page.after) < 0) {
            family = family_next(&sim->world, family->name);
        }
    }
    emit_open(&call->out, "taskDefinitionArns", '[');
    for (; family && !page.more; family = family_next(&sim->world, family->name)) {
        bool resumed = colon && streq(family->name, page.after);
        size_t done = (size_t)revision;

        if (resumed && descending) {
            done = family->n_revisions - (size_t)revision + 1;
        }
        if (!filter.prefix || streq(family->name, filter.prefix)) { /* the whole name, as in ECS */
            list_family(call, &page, &filter, family, resumed ? done : 0, descending);
        }
    }
    emit_close(&call->out, ']');
    page_end(call, &page);
    return 0;
}

static bool family_matches(const struct family *family, const struct filter *filter)
{
    bool active = false;

    for (size_t i = 0; i < family->n_revisions && !active; i++) {
        active = family->revisions[i]->active;
    }
    if (filter->prefix && strncmp(family->name, filter->prefix, strlen(filter->prefix)) != 0) {
        return false;
    }
    return active ? filter->active : filter->inactive;
}

int ecs_list_task_definition_families(struct sim *sim, struct call *call)
{
    struct page page;
    struct filter filter = {0};

    if (page_read(call, &page) < 0 || read_filter(call, &filter, true) < 0) {
        return -1;
    }
    emit_open(&call->out, "families", '[');
    for (struct family *f = family_next(&sim->world, page_after(&page)); f;
         f = family_next(&sim->world, f->name)) {
        if (!family_matches(f, &filter)) {
            continue;
        }
        if (!page_take(&page, f->name)) {
            break;
        }
        emit_text(&call->out, NULL, f->name);
    }
    emit_close(&call->out, ']');
    page_end(call, &page);
    return 0;
}
