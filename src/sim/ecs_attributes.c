/* ECS: custom attributes of container instances. They are changed without an event. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/ecs.h"

#define ATTRIBUTES_A_CALL 10
#define ATTRIBUTES_CUSTOM 10 /* that one instance can have */
#define ATTRIBUTE_LEN_MAX 128

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* ECS' own attributes do not count as custom ones. */
static bool is_custom(const char *name)
{
    return strncmp(name, "ecs.", 4) != 0 && strncmp(name, "com.amazonaws.", 14) != 0;
}

static json_t *without(const json_t *attributes, const char *name)
{
    json_t *rest = json_array();
    size_t i = 0;
    json_t *each = NULL;

    json_array_foreach(attributes, i, each)
    {
        if (!streq(text_of(each, "name"), name)) {
            json_array_append(rest, each);
        }
    }
    return rest;
}

static size_t count_custom(const json_t *attributes)
{
    size_t n = 0;
    size_t i = 0;
    const json_t *each = NULL;

    json_array_foreach(attributes, i, each)
    {
        n += is_custom(text_of(each, "name"));
    }
    return n;
}

static int target_of(struct call *call, struct cluster *cluster, const json_t *attribute,
                     struct instance **out)
{
    const char *name = text_of(attribute, "name");
    const char *target = text_of(attribute, "targetId");

    if (!name || !*name || strlen(name) > ATTRIBUTE_LEN_MAX || !is_custom(name)) {
        return refuse(call, "InvalidParameterException", "Invalid attribute name.");
    }
    if (!target) {
        return refuse(call, "InvalidParameterException", "targetId cannot be empty.");
    }
    if (strncmp(target, "arn:", 4) != 0 && !text_of(attribute, "targetType")) {
        return refuse(call, "InvalidParameterException",
                      "targetType must be specified with a targetId that is no ARN.");
    }
    *out = instance_find(cluster, target);
    if (!*out || streq((*out)->now.status, "INACTIVE")) {
        return refuse(call, "TargetNotFoundException", "Unable to find target with targetId %.200s",
                      target);
    }
    return 0;
}

/* Gives each attribute with the instance which it is for, or a refusal. */
static int read_attributes(struct sim *sim, struct call *call, const json_t **attributes,
                           struct instance *targets[ATTRIBUTES_A_CALL])
{
    struct cluster *cluster = NULL;
    size_t i = 0;
    const json_t *each = NULL;

    if (ecs_cluster_of(sim, call, &cluster) < 0 ||
        input_objects(call, "attributes", 1, ATTRIBUTES_A_CALL, attributes) < 0) {
        return -1;
    }
    json_array_foreach(*attributes, i, each)
    {
        if (target_of(call, cluster, each, &targets[i]) < 0) {
            return -1;
        }
    }
    return 0;
}

static void emit_attribute(struct call *call, const char *name, const char *value,
                           const struct instance *instance)
{
    emit_open(&call->out, NULL, '{');
    emit_text(&call->out, "name", name);
    emit_text_if(&call->out, "value", value);
    emit_text(&call->out, "targetType", "container-instance");
    emit_text(&call->out, "targetId", instance->arn);
    emit_close(&call->out, '}');
}

int ecs_put_attributes(struct sim *sim, struct call *call)
{
    const json_t *attributes = NULL;
    struct instance *targets[ATTRIBUTES_A_CALL];
    size_t i = 0;
    const json_t *each = NULL;

    if (read_attributes(sim, call, &attributes, targets) < 0) {
        return -1;
    }
    emit_open(&call->out, "attributes", '[');
    json_array_foreach(attributes, i, each)
    {
        const char *name = text_of(each, "name");
        const char *value = text_of(each, "value");
        json_auto_t *kept = without(targets[i]->now.attributes, name);

        if (count_custom(kept) >= ATTRIBUTES_CUSTOM) {
            return refuse(call, "AttributeLimitExceededException",
                          "The limit of %d attributes was exceeded.", ATTRIBUTES_CUSTOM);
        }
        json_array_append_new(kept, json_pack("{s:s, s:s*}", "name", name, "value", value));
        instance_set_attributes(&sim->world, targets[i], json_incref(kept));
        emit_attribute(call, name, value, targets[i]);
    }
    emit_close(&call->out, ']');
    return 0;
}

int ecs_delete_attributes(struct sim *sim, struct call *call)
{
    const json_t *attributes = NULL;
    struct instance *targets[ATTRIBUTES_A_CALL];
    size_t i = 0;
    const json_t *each = NULL;

    if (read_attributes(sim, call, &attributes, targets) < 0) {
        return -1;
    }
    emit_open(&call->out, "attributes", '[');
    json_array_foreach(attributes, i, each)
    {
        const char *name = text_of(each, "name");

        instance_set_attributes(&sim->world, targets[i], without(targets[i]->now.attributes, name));
        emit_attribute(call, name, NULL, targets[i]);
    }
    emit_close(&call->out, ']');
    return 0;
}

/* Where a listing goes on: after attribute `done` of the instance. */
struct place {
    char arn[PAGE_KEY_MAX];
    size_t done;
};

/* The key of an element is "<ARN> <number of the attribute>". */
static struct place read_place(const struct page *page)
{
    struct place place = {0};
    const char *space = strchr(page->after, ' ');

    if (space) {
        snprintf(place.arn, sizeof(place.arn), "%.*s", (int)(space - page->after), page->after);
        place.done = strtoul(space + 1, NULL, 10);
    }
    return place;
}

static bool matches(const json_t *attribute, const char *name, const char *value)
{
    const char *its_value = text_of(attribute, "value");

    return (!name || streq(name, text_of(attribute, "name"))) &&
           (!value || (its_value && streq(value, its_value)));
}

/* False once the page is full. */
static bool list_of_instance(struct call *call, struct page *page, const struct instance *instance,
                             const json_t *attributes, size_t begin)
{
    const char *name = text_of(call->input, "attributeName");
    const char *value = text_of(call->input, "attributeValue");
    char key[PAGE_KEY_MAX];

    for (size_t i = begin; i < json_array_size(attributes); i++) {
        const json_t *each = json_array_get(attributes, i);

        if (!matches(each, name, value)) {
            continue;
        }
        snprintf(key, sizeof(key), "%.400s %zu", instance->arn, i + 1);
        if (!page_take(page, key)) {
            return false;
        }
        emit_attribute(call, text_of(each, "name"), text_of(each, "value"), instance);
    }
    return true;
}

int ecs_list_attributes(struct sim *sim, struct call *call)
{
    struct cluster *cluster = NULL;
    struct page page;
    const char *text = NULL;

    if (ecs_cluster_of(sim, call, &cluster) < 0 || page_read(call, &page) < 0 ||
        input_need_text(call, "targetType", &text) < 0 ||
        input_text(call, "attributeName", &text) < 0 ||
        input_text(call, "attributeValue", &text) < 0) {
        return -1;
    }
    struct place place = read_place(&page);
    struct instance *instance = place.done ? instance_find(cluster, place.arn) : NULL;

    if (!instance) {
        instance = instance_next(cluster, place.done ? place.arn : NULL);
        place.done = 0;
    }
    emit_open(&call->out, "attributes", '[');
    for (; instance; instance = instance_next(cluster, instance->arn), place.done = 0) {
        const struct instance_state *seen = instance_seen(&sim->world, instance);

        if (seen && !streq(seen->status, "INACTIVE") &&
            !list_of_instance(call, &page, instance, seen->attributes, place.done)) {
            break;
        }
    }
    emit_close(&call->out, ']');
    page_end(call, &page);
    return 0;
}
