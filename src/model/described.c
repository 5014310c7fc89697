/* From the canonical raw form to the shape of ECS' JSON protocol. */
#include "model/described.h"

#include "model/raw.h"
#include "util/clock.h"
#include "util/js.h"

/* ---- instants -------------------------------------------------------------------------------- */

static void tell_instants(json_t *value);

/* A text which is no instant stays: ECS said so, and raw_normalize let it be. */
static void tell_member(json_t *obj, const char *name, json_t *value)
{
    const char *text = raw_is_instant(name) ? json_string_value(value) : NULL;
    int64_t at_ms;

    if (text && clock_parse_iso(text, &at_ms)) {
        json_object_set_new(obj, name, json_real((double)at_ms / 1000));
    } else {
        tell_instants(value);
    }
}

static void tell_instants(json_t *value)
{
    const char *name;
    json_t *member;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, member)
        {
            tell_instants(member);
        }
    }
    if (json_is_object(value)) {
        json_object_foreach(value, name, member) /* replacing a member's value is allowed */
        {
            tell_member(value, name, member);
        }
    }
}

/* ---- what may be missing --------------------------------------------------------------------- */

/* Takes value. */
static void set_missing(json_t *obj, const char *name, json_t *value)
{
    if (json_object_get(obj, name)) {
        json_decref(value);
    } else {
        json_object_set_new(obj, name, value);
    }
}

static void complete_resources(json_t *resources)
{
    size_t r;
    json_t *resource;

    json_array_foreach(resources, r, resource)
    {
        set_missing(resource, "doubleValue", json_real(0));
        set_missing(resource, "longValue", json_integer(0));
        set_missing(resource, "integerValue", json_integer(0));
    }
}

static void tell_tags(json_t *obj, bool with_tags)
{
    if (with_tags) {
        set_missing(obj, "tags", json_array());
    } else {
        json_object_set_new(obj, "tags", json_array());
    }
}

/* ---- the two kinds --------------------------------------------------------------------------- */

void described_task(json_t *raw, bool with_tags)
{
    json_t *container;
    size_t c;

    tell_instants(raw);
    tell_tags(raw, with_tags);
    set_missing(raw, "attachments", json_array());
    set_missing(raw, "healthStatus", json_string("UNKNOWN"));
    json_array_foreach(json_object_get(raw, "containers"), c, container)
    {
        set_missing(container, "healthStatus", json_string("UNKNOWN"));
    }
}

void described_instance(json_t *raw, const struct described_instance *more)
{
    tell_instants(raw);
    tell_tags(raw, more->with_tags);
    set_missing(raw, "attachments", json_array());
    complete_resources(json_object_get(raw, "registeredResources"));
    complete_resources(json_object_get(raw, "remainingResources"));
    json_object_set_new(raw, "runningTasksCount", json_integer(more->n_running));
    json_object_set_new(raw, "pendingTasksCount", json_integer(more->n_pending));
    json_object_del(raw, "clusterArn");
    if (!more->with_health) {
        json_object_del(raw, "healthStatus");
    }
}
