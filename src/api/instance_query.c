/* From an instance's fields and its tasks to the subject of a query. */
#include "api/instance_query.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define ATTRIBUTES_USUAL 32 /* of an instance */

/* What a subject borrows. */
struct facts {
    char *lines; /* of attributes, cut up */
    struct selector_attribute *attributes;
    size_t n_attributes;
    struct entity_list tasks;
    const char **groups;
    size_t n_groups;
    int64_t n_running;
};

static void facts_clear(struct facts *facts)
{
    free(facts->lines);
    free(facts->attributes);
    entity_list_clear(&facts->tasks);
    free(facts->groups);
}
#define AUTO_FACTS __attribute__((cleanup(facts_clear))) struct facts

/* One "name=value" or "name" a line. */
static void read_attributes(const struct entity *instance, struct facts *facts)
{
    size_t cap = 0;
    char *line = xstrdup(entity_field(instance, INSTANCE_ATTRIBUTES));

    facts->lines = line;
    while (*line) {
        char *end = strchrnul(line, '\n');
        char *next = *end ? end + 1 : end;
        char *equals = memchr(line, '=', (size_t)(end - line));

        *end = '\0';
        if (equals) {
            *equals++ = '\0';
        }
        if (facts->n_attributes == cap) {
            cap = cap ? 2 * cap : ATTRIBUTES_USUAL;
            facts->attributes = xreallocarray(facts->attributes, cap, sizeof(*facts->attributes));
        }
        facts->attributes[facts->n_attributes++] = (struct selector_attribute){line, equals};
        line = next;
    }
}

static const char *id_of(const char *arn)
{
    const char *slash = strrchr(arn, '/');

    return slash ? slash + 1 : arn;
}

/* A stopped task is not on the instance any more; one of an instance with the same id elsewhere
 * never was. */
static void read_tasks(struct view *view, const struct entity *instance, struct facts *facts)
{
    view_list_by(view, KIND_TASK, entity_field(instance, FIELD_CLUSTER), BY_INSTANCE,
                 id_of(instance->key), &facts->tasks);
    facts->groups = xcalloc(facts->tasks.n, sizeof(*facts->groups));
    for (size_t t = 0; t < facts->tasks.n; t++) {
        const struct entity *task = facts->tasks.items[t];
        const char *group = entity_field(task, TASK_GROUP);
        const char *status = entity_field(task, TASK_LAST_STATUS);

        if (streq(status, "STOPPED") || !streq(entity_field(task, TASK_INSTANCE), instance->key)) {
            continue;
        }
        facts->n_running += streq(status, "RUNNING");
        facts->groups[facts->n_groups++] = *group ? group : NULL;
    }
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

bool instance_matches(struct view *view, const struct selector *query,
                      const struct entity *instance, int64_t *steps)
{
    AUTO_FACTS facts = {0};

    read_attributes(instance, &facts);
    if (selector_reads_tasks(query)) {
        read_tasks(view, instance, &facts);
    }
    const struct selector_subject subject = {
        .attributes = facts.attributes,
        .n_attributes = facts.n_attributes,
        .agent_connected = streq(entity_field(instance, INSTANCE_AGENT_CONNECTED), "1"),
        .agent_version = or_null(entity_field(instance, INSTANCE_AGENT_VERSION)),
        .ec2_instance_id = or_null(entity_field(instance, INSTANCE_EC2_ID)),
        .registered_at_ms = entity_field_int(instance, INSTANCE_REGISTERED_AT_MS),
        .running_tasks_count = facts.n_running,
        .task_groups = facts.groups,
        .n_task_groups = facts.n_groups,
        .steps = steps,
    };

    return selector_matches(query, &subject);
}

bool instances_keep(struct view *view, const struct selector *query, size_t max,
                    struct entity_list *instances)
{
    int64_t steps = QUERY_STEPS_MAX;
    size_t n = 0;

    for (size_t i = 0; i < instances->n; i++) {
        struct entity *instance = instances->items[i];

        if (steps >= 0 && (max == 0 || n < max) &&
            instance_matches(view, query, instance, &steps)) {
            instances->items[n++] = instance;
        } else {
            entity_free(instance);
        }
    }
    instances->n = n;
    return steps >= 0;
}
