/* Which tasks and instances a list shows. */
#include "api/filters.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "model/arn.h"
#include "util/mem.h"

#define FAMILY_LEN_MAX   255
#define REVISION_LEN_MAX 9
#define EC2_ID_LEN_MAX   64

/* v0.3.0 knew the first three of a task's, and the first two of an instance's. */
static const char *const task_statuses[] = {
    "pending",      "running",  "stopped",        "provisioning", "activating",
    "deactivating", "stopping", "deprovisioning", NULL,
};
static const char *const instance_statuses[] = {
    "active", "inactive", "draining", "registering", "deregistering", NULL,
};
static const char *const desired_statuses[] = {"running", "pending", "stopped", NULL};

/* v0.3.0 knew the first three of tasks, and the first two of instances. */
static const char *const task_names[] = {
    "status",         "cluster",           "startedBy",     "desiredStatus", "family",
    "taskDefinition", "containerInstance", "ec2InstanceId", "query",         NULL,
};
static const char *const instance_names[] = {"status", "cluster", "ec2InstanceId", "query", NULL};

const struct filter_rules task_filters = {
    .kind = KIND_TASK,
    .names = task_names,
    .statuses = task_statuses,
    .status_field = TASK_LAST_STATUS,
};
const struct filter_rules instance_filters = {
    .kind = KIND_INSTANCE,
    .names = instance_names,
    .statuses = instance_statuses,
    .status_field = INSTANCE_STATUS,
};

/* ---- values ---------------------------------------------------------------------------------- */

static bool is_status(const char *text, const char *const *statuses)
{
    for (; *statuses; statuses++) {
        if (strcasecmp(text, *statuses) == 0) {
            return true;
        }
    }
    return false;
}

/* How many letters, digits, "-" and "_" the text begins with. */
static size_t words_len(const char *text)
{
    size_t len = 0;

    while (isalnum((unsigned char)text[len]) || text[len] == '_' || text[len] == '-') {
        len++;
    }
    return len;
}

static bool is_words(const char *text, size_t len_max)
{
    size_t len = words_len(text);

    return len > 0 && len <= len_max && text[len] == '\0';
}

/* What follows the last slash; the whole text when there is none. */
static const char *last_part(const char *text)
{
    const char *slash = strrchr(text, '/');

    return slash ? slash + 1 : text;
}

/* "family:revision", alone or at the end of an ARN. */
static bool is_task_definition(const char *text)
{
    static const char resource[] = ":task-definition/";
    const char *name = last_part(text);
    size_t family_len = words_len(name);
    const char *revision = name + family_len + 1;

    if (name != text && (strncmp(text, "arn:", 4) != 0 || !strstr(text, resource) ||
                         strstr(text, resource) + sizeof(resource) - 1 != name)) {
        return false;
    }
    return family_len > 0 && family_len <= FAMILY_LEN_MAX && name[family_len] == ':' && *revision &&
           strspn(revision, "0123456789") == strlen(revision) &&
           strlen(revision) <= REVISION_LEN_MAX;
}

static bool is_instance(const char *text)
{
    return is_words(text, ARN_LEN_MAX) || arn_parse(text, ARN_INSTANCE, NULL);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* NULL also when the kind has no such filter. */
static const char *filter(const struct filter_rules *rules, const struct query *query,
                          const char *name)
{
    for (const char *const *known = rules->names; *known; known++) {
        if (streq(name, *known)) {
            return query_filter(query, name);
        }
    }
    return NULL;
}

static bool parse_query(const char *text, struct filters *out, struct strbuf *wrong)
{
    struct error err = {0};

    if (!text) {
        return true;
    }
    out->query = selector_parse(text, &err);
    if (!out->query) {
        strbuf_addf(wrong, "Invalid query: %s\n", err.text);
        selector_caret(text, wrong);
    }
    return out->query;
}

static bool refuse(struct strbuf *wrong, const char *text)
{
    strbuf_add_text(wrong, text);
    return false;
}

bool filters_parse(const struct filter_rules *rules, const struct query *query, struct filters *out,
                   struct strbuf *wrong)
{
    *out = (struct filters){
        .status = filter(rules, query, "status"),
        .ec2_instance_id = filter(rules, query, "ec2InstanceId"),
        .started_by = filter(rules, query, "startedBy"),
        .desired_status = filter(rules, query, "desiredStatus"),
        .family = filter(rules, query, "family"),
        .task_definition = filter(rules, query, "taskDefinition"),
        .container_instance = filter(rules, query, "containerInstance"),
    };
    if (out->status && !is_status(out->status, rules->statuses)) {
        return refuse(wrong, "Invalid status");
    }
    if (!cluster_filter_parse(query, &out->cluster)) {
        return refuse(wrong, CLUSTER_FILTER_INVALID);
    }
    if (out->desired_status && !is_status(out->desired_status, desired_statuses)) {
        return refuse(wrong, "Invalid desiredStatus");
    }
    if (out->family && !is_words(out->family, FAMILY_LEN_MAX)) {
        return refuse(wrong, "Invalid family");
    }
    if (out->task_definition && !is_task_definition(out->task_definition)) {
        return refuse(wrong, "Invalid taskDefinition: want family:revision or an ARN");
    }
    if (out->container_instance && !is_instance(out->container_instance)) {
        return refuse(wrong, "Invalid containerInstance: want an ARN or an id");
    }
    if (out->ec2_instance_id && !is_words(out->ec2_instance_id, EC2_ID_LEN_MAX)) {
        return refuse(wrong, "Invalid ec2InstanceId");
    }
    if (out->task_definition) {
        const char *name = last_part(out->task_definition);

        out->definition_family = xmemdup0(name, words_len(name));
    }
    if (out->container_instance) {
        out->instance_id = last_part(out->container_instance);
    }
    return parse_query(filter(rules, query, "query"), out, wrong);
}

void filters_clear(struct filters *filters)
{
    selector_free(filters->query);
    free(filters->definition_family);
    *filters = (struct filters){0};
}

/* ---- matching -------------------------------------------------------------------------------- */

static bool is_of_family(const char *family, const char *definition_arn)
{
    const char *name = last_part(definition_arn);
    size_t len = strlen(family);

    return strncmp(name, family, len) == 0 && name[len] == ':';
}

/* A name is compared with the end of the ARN, an ARN with the whole. */
static bool names(const char *wanted, const char *arn)
{
    return streq(wanted, arn) || streq(wanted, last_part(arn));
}

static bool task_matches(const struct filters *f, const struct entity *task)
{
    return (!f->started_by || streq(f->started_by, task->fields[TASK_STARTED_BY])) &&
           (!f->desired_status ||
            strcasecmp(f->desired_status, task->fields[TASK_DESIRED_STATUS]) == 0) &&
           (!f->family || is_of_family(f->family, task->fields[TASK_DEFINITION])) &&
           (!f->task_definition || names(f->task_definition, task->fields[TASK_DEFINITION])) &&
           (!f->container_instance || names(f->container_instance, task->fields[TASK_INSTANCE]));
}

bool filters_match(const struct filter_rules *rules, const struct filters *filters,
                   const struct entity *entity)
{
    if (filters->status && strcasecmp(filters->status, entity->fields[rules->status_field]) != 0) {
        return false;
    }
    if (!cluster_filter_match(&filters->cluster, entity->fields[FIELD_CLUSTER])) {
        return false;
    }
    if (rules->kind == KIND_TASK) {
        return task_matches(filters, entity);
    }
    return !filters->ec2_instance_id ||
           streq(filters->ec2_instance_id, entity->fields[INSTANCE_EC2_ID]);
}

/* `value` stays where it is while the selection lives. */
static void add_hint(struct selection *selection, enum view_index by, const char *const *value)
{
    if (*value) {
        selection->hints[selection->n_hints++] = (struct selection_hint){by, value, 1};
    }
}

void filters_select(const struct filter_rules *rules, const struct filters *filters,
                    struct selection *out)
{
    out->kind = rules->kind;
    out->cluster_arn = filters->cluster.arn;
    out->cluster_name = filters->cluster.name;
    add_hint(out, BY_STATUS, &filters->status);
    if (rules->kind == KIND_INSTANCE) {
        add_hint(out, BY_EC2_ID, &filters->ec2_instance_id);
        return;
    }
    add_hint(out, BY_STARTED_BY, &filters->started_by);
    add_hint(out, BY_DESIRED_STATUS, &filters->desired_status);
    add_hint(out, BY_FAMILY, &filters->family);
    add_hint(out, BY_FAMILY, (const char *const *)&filters->definition_family);
    add_hint(out, BY_INSTANCE, &filters->instance_id);
}
