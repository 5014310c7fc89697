/* The canonical form of a task or container instance as ECS said it. */
#include "model/raw.h"

#include <pthread.h>
#include <strings.h>

#include "util/clock.h"
#include "util/js.h"

#define EPOCH_S_MAX 253402300799.0 /* the last second of the year 9999 */

/* Members we or our readers know, in ECS' spelling, sorted without regard to case. */
static const char *const spellings[] = {
    "agentConnected",
    "agentHash",
    "agentUpdateStatus",
    "agentVersion",
    "attachments",
    "attributes",
    "bindIP",
    "capacityProviderName",
    "clusterArn",
    "command",
    "connectivity",
    "connectivityAt",
    "containerArn",
    "containerInstanceArn",
    "containerOverrides",
    "containerPort",
    "containers",
    "cpu",
    "createdAt",
    "desiredStatus",
    "dockerVersion",
    "doubleValue",
    "ec2InstanceId",
    "environment",
    "exitCode",
    "group",
    "healthStatus",
    "hostPort",
    "id",
    "image",
    "imageDigest",
    "integerValue",
    "lastStatus",
    "launchType",
    "longValue",
    "memory",
    "name",
    "networkBindings",
    "networkInterfaces",
    "overrides",
    "pendingTasksCount",
    "platformVersion",
    "protocol",
    "pullStartedAt",
    "pullStoppedAt",
    "reason",
    "registeredAt",
    "registeredResources",
    "remainingResources",
    "runningTasksCount",
    "runtimeId",
    "startedAt",
    "startedBy",
    "status",
    "stopCode",
    "stoppedAt",
    "stoppedReason",
    "stoppingAt",
    "stringSetValue",
    "tags",
    "taskArn",
    "taskDefinitionArn",
    "taskRoleArn",
    "type",
    "updatedAt",
    "value",
    "version",
    "versionInfo",
};

#define LETTERS 26

static int letter_of(const char *name)
{
    int letter = (name[0] | 0x20) - 'a';

    return letter >= 0 && letter < LETTERS ? letter : -1;
}

static size_t starts[LETTERS + 1]; /* of each letter in the list; a binary search takes longer */

static void find_starts(void)
{
    size_t s = 0;

    for (int letter = 0; letter <= LETTERS; letter++) {
        while (s < ARRAY_LEN(spellings) && letter_of(spellings[s]) < letter) {
            s++;
        }
        starts[letter] = s;
    }
}

/* Gives the right spelling of a name, the name itself when we do not know it. */
static const char *spelling_of(const char *name)
{
    int letter = letter_of(name);

    for (size_t s = letter < 0 ? 0 : starts[letter]; letter >= 0 && s < starts[letter + 1]; s++) {
        if (strcasecmp(name, spellings[s]) == 0) {
            return spellings[s];
        }
    }
    return name;
}

/* Renames members which are only known without regard to case; an exact one beside them wins. */
static void spell_members(json_t *obj)
{
    const char *name;
    json_t *value;

again:
    json_object_foreach(obj, name, value)
    {
        const char *right = spelling_of(name);

        if (streq(right, name)) {
            continue;
        }
        if (!json_object_get(obj, right)) {
            json_object_set(obj, right, value);
        }
        json_object_del(obj, name);
        goto again; /* the iteration ended with the change; misspelt members are rare */
    }
}

bool raw_is_instant(const char *name)
{
    size_t len = strlen(name);

    return (len > 2 && streq(name + len - 2, "At")) || streq(name, "lastUpdated") ||
           streq(name, "lastStatusChange");
}

/* An instant as ECS' JSON protocol (seconds) or an event (RFC 3339) gives it; NULL: it is neither,
 * or canonical as it is. */
static json_t *canonical_instant(const json_t *value)
{
    char text[CLOCK_ISO_LEN];
    int64_t at_ms;

    double at_s = json_number_value(value);

    if (json_is_number(value) && at_s >= 0 && at_s <= EPOCH_S_MAX) {
        at_ms = (int64_t)(at_s * 1000.0 + 0.5);
    } else if (!json_is_string(value) || !clock_parse_iso(json_string_value(value), &at_ms)) {
        return NULL;
    }
    clock_format_iso_ms(at_ms, text);
    return json_is_string(value) && streq(json_string_value(value), text)
               ? NULL
               : json_stringn_nocheck(text, CLOCK_ISO_LEN - 1);
}

/* Describe gives every resource a value of every type, most of them zero; events do not. */
static void normalize_resource(json_t *resource)
{
    static const struct {
        const char *type;
        const char *member;
    } values[] = {{"DOUBLE", "doubleValue"},
                  {"INTEGER", "integerValue"},
                  {"LONG", "longValue"},
                  {"STRINGSET", "stringSetValue"}};
    const char *type = json_string_value(json_object_get(resource, "type"));

    for (size_t v = 0; v < ARRAY_LEN(values); v++) {
        if (!type || !streq(type, values[v].type)) {
            json_object_del(resource, values[v].member);
        }
    }
    json_t *value = json_object_get(resource, "doubleValue");

    if (json_is_integer(value)) { /* 2 and 2.0 are one value */
        json_object_set_new(resource, "doubleValue", json_real(json_number_value(value)));
    }
}

static void normalize(json_t *value);

static void normalize_member(json_t *obj, const char *name, json_t *value)
{
    if (raw_is_instant(name)) {
        json_t *instant = canonical_instant(value);

        if (instant) {
            json_object_set_new(obj, name, instant);
        }
        return;
    }
    normalize(value);
    if (streq(name, "registeredResources") || streq(name, "remainingResources")) {
        size_t r;
        json_t *resource;

        json_array_foreach(value, r, resource)
        {
            normalize_resource(resource);
        }
    }
}

static void normalize(json_t *value)
{
    void *next;
    const char *name;
    json_t *member;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach(value, i, member)
        {
            normalize(member);
        }
    }
    if (!json_is_object(value)) {
        return;
    }
    spell_members(value);
    json_object_foreach_safe(value, next, name, member)
    {
        if (json_is_null(member)) {
            json_object_del(value, name);
        } else {
            normalize_member(value, name, member);
        }
    }
}

void raw_normalize(json_t *detail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, find_starts);
    normalize(detail);
    json_object_del(detail, "updatedAt"); /* of the event, not of the task */
}

/* The element of an array of objects which has the name; NULL when there is none. */
static json_t *find_named(const json_t *array, const char *name)
{
    size_t i;
    json_t *element;

    json_array_foreach(array, i, element)
    {
        const char *other = json_string_value(json_object_get(element, "name"));

        if (other && streq(other, name)) {
            return element;
        }
    }
    return NULL;
}

/* The containers of the update, each with what only the old list knew of it. */
static json_t *merge_containers(const json_t *old, const json_t *update)
{
    json_t *merged = json_array();
    size_t i;
    json_t *container;

    json_array_foreach(update, i, container)
    {
        const char *name = json_string_value(json_object_get(container, "name"));
        json_t *before = name ? find_named(old, name) : NULL;
        json_t *after = before ? json_copy(before) : json_incref(container);

        if (before) {
            raw_merge(after, container);
        }
        json_array_append_new(merged, after);
    }
    return merged;
}

void raw_merge(json_t *raw, const json_t *update)
{
    union { /* jansson's iterators want a pointer without const, and change nothing */
        const json_t *borrowed;
        json_t *obj;
    } from = {.borrowed = update};
    const char *name;
    json_t *value;

    json_object_foreach(from.obj, name, value)
    {
        json_t *old = json_object_get(raw, name);

        if (json_is_object(old) && json_is_object(value)) {
            raw_merge(old, value);
        } else if (json_is_array(old) && json_is_array(value) && streq(name, "containers")) {
            json_object_set_new(raw, name, merge_containers(old, value));
        } else {
            json_object_set(raw, name, value);
        }
    }
}
