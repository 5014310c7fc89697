/* DescribeClusters, DescribeContainerInstances and DescribeTasks: what ECS said, as the store holds
 * it, in ECS' shape. */
#include <stdlib.h>

#include "api/ecs_reads.h"
#include "model/arn.h"
#include "model/described.h"
#include "util/js.h"
#include "util/mem.h"

/* ---- clusters -------------------------------------------------------------------------------- */

static json_int_t count(struct view *view, enum kind kind, const char *cluster_arn,
                        const char *status)
{
    return (json_int_t)view_count_by(view, kind, cluster_arn, BY_STATUS, status);
}

/* Services, settings, capacity providers and tags of clusters are not held: these are empty. */
static json_t *describe_cluster(struct view *view, const char *arn, const char *status)
{
    json_int_t registered =
        count(view, KIND_INSTANCE, arn, "ACTIVE") + count(view, KIND_INSTANCE, arn, "DRAINING");

    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:i, s:[], s:[], s:[], s:[], s:[]}",
                     "clusterArn", arn, "clusterName", arn_cluster_name(arn), "status", status,
                     "registeredContainerInstancesCount", registered, "runningTasksCount",
                     count(view, KIND_TASK, arn, "RUNNING"), "pendingTasksCount",
                     count(view, KIND_TASK, arn, "PENDING"), "activeServicesCount", 0, "statistics",
                     "tags", "settings", "capacityProviders", "defaultCapacityProviderStrategy");
}

/* NULL when ECS does not have it, as far as we know. */
static json_t *find_and_describe(struct view *view, const char *reference)
{
    AUTO_CHAR *arn = ecs_find_cluster(view, reference);
    AUTO_CHAR *status = arn ? ecs_cluster_status(view, arn) : NULL;

    return arn && !streq(status, "MISSING") ? describe_cluster(view, arn, status) : NULL;
}

int ecs_answer_describe_clusters(struct ecs_call *call)
{
    struct view *view = call->api->view;
    const json_t *references = NULL;

    if (ecs_input_texts(call, "clusters", 0, &references) < 0 || ecs_input_include(call) < 0) {
        return -1;
    }
    json_t *clusters = json_array();
    json_t *failures = json_array();
    size_t n = json_array_size(references);

    json_object_set_new(call->output, "clusters", clusters);
    json_object_set_new(call->output, "failures", failures);
    for (size_t i = 0; i < (n ? n : 1); i++) {
        const char *reference = n ? json_string_value(json_array_get(references, i)) : "default";
        json_t *cluster = find_and_describe(view, reference);

        json_array_append_new(cluster ? clusters : failures,
                              cluster ? cluster : ecs_missing_cluster(view, reference));
    }
    return 0;
}

/* ---- tasks and instances --------------------------------------------------------------------- */

/* What differs between the two. */
struct describing {
    enum kind kind;
    const char *references; /* the input with them */
    const char *objects;    /* the output */
    /* From the raw form, in place. */
    void (*describe)(const struct ecs_call *call, const struct entity *entity, json_t *raw);
};

/* A batch of references on its way. */
struct batch {
    const char *references[ECS_DESCRIBED_MAX];
    struct entity *entities[ECS_DESCRIBED_MAX]; /* NULL: not in the view */
    char *raws[ECS_DESCRIBED_MAX];              /* NULL: not in the store */
    size_t n;
};

static void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        entity_free(batch->entities[i]);
        free(batch->raws[i]);
    }
}
#define AUTO_BATCH __attribute__((cleanup(batch_clear))) struct batch

static void find_entities(struct view *view, enum kind kind, const char *cluster_arn,
                          const json_t *references, struct batch *out)
{
    const json_t *reference;
    size_t i;

    json_array_foreach(references, i, reference)
    {
        out->references[i] = json_string_value(reference);
        out->entities[i] = ecs_find_member(view, kind, cluster_arn, out->references[i]);
        out->n++;
    }
}

/* One round trip for all of them. */
static int read_raws(struct store *store, enum kind kind, struct batch *batch, struct error *err)
{
    const char *keys[ECS_DESCRIBED_MAX];
    char *raws[ECS_DESCRIBED_MAX];
    size_t n = 0;
    size_t next = 0;

    for (size_t i = 0; i < batch->n; i++) {
        if (batch->entities[i]) {
            keys[n++] = batch->entities[i]->key;
        }
    }
    if (n > 0 && store_read_raw(store, kind, keys, n, raws, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < batch->n; i++) {
        batch->raws[i] = batch->entities[i] ? raws[next++] : NULL;
    }
    return 0;
}

static void add_object(struct ecs_call *call, const struct describing *what,
                       const char *cluster_arn, const struct batch *batch, size_t i)
{
    const char *text = batch->raws[i];
    json_auto_t *raw = text ? js_parse(text, strlen(text), NULL) : NULL;

    if (!json_is_object(raw)) {
        json_array_append_new(json_object_get(call->output, "failures"),
                              ecs_missing_member(what->kind, cluster_arn, batch->references[i]));
        return;
    }
    what->describe(call, batch->entities[i], raw);
    json_array_append(json_object_get(call->output, what->objects), raw);
}

static int describe(struct ecs_call *call, const struct describing *what)
{
    AUTO_BATCH batch = {.n = 0};
    AUTO_CHAR *cluster = NULL;
    const json_t *references = NULL;
    struct error err = {0};

    if (ecs_input_cluster(call, &cluster) < 0 ||
        ecs_input_texts(call, what->references, 1, &references) < 0 ||
        ecs_input_include(call) < 0 ||
        ecs_check_members(call, what->kind, cluster, references) < 0) {
        return -1;
    }
    find_entities(call->api->view, what->kind, cluster, references, &batch);
    if (read_raws(call->api->store, what->kind, &batch, &err) < 0) {
        return ecs_fail(call, &err);
    }
    json_object_set_new(call->output, what->objects, json_array());
    json_object_set_new(call->output, "failures", json_array());
    for (size_t i = 0; i < batch.n; i++) {
        add_object(call, what, cluster, &batch, i);
    }
    return 0;
}

static void describe_task(const struct ecs_call *call, const struct entity *task, json_t *raw)
{
    (void)task;
    described_task(raw, ecs_includes(call, "TAGS"));
}

int ecs_answer_describe_tasks(struct ecs_call *call)
{
    static const struct describing what = {KIND_TASK, "tasks", "tasks", describe_task};

    return describe(call, &what);
}

/* The counts in the raw form are as old as its last Describe: events bring none. */
static void count_tasks(struct view *view, const struct entity *instance,
                        struct described_instance *out)
{
    const char *slash = strrchr(instance->key, '/');
    AUTO_ENTITY_LIST tasks = {0};

    view_list_by(view, KIND_TASK, entity_field(instance, FIELD_CLUSTER), BY_INSTANCE,
                 slash ? slash + 1 : instance->key, &tasks);
    for (size_t t = 0; t < tasks.n; t++) {
        const struct entity *task = tasks.items[t];

        if (streq(entity_field(task, TASK_INSTANCE), instance->key)) {
            out->n_running += streq(entity_field(task, TASK_LAST_STATUS), "RUNNING");
            out->n_pending += streq(entity_field(task, TASK_LAST_STATUS), "PENDING");
        }
    }
}

static void describe_instance(const struct ecs_call *call, const struct entity *instance,
                              json_t *raw)
{
    struct described_instance more = {
        .with_tags = ecs_includes(call, "TAGS"),
        .with_health = ecs_includes(call, "CONTAINER_INSTANCE_HEALTH"),
    };

    count_tasks(call->api->view, instance, &more);
    described_instance(raw, &more);
}

int ecs_answer_describe_container_instances(struct ecs_call *call)
{
    static const struct describing what = {KIND_INSTANCE, "containerInstances",
                                           "containerInstances", describe_instance};

    return describe(call, &what);
}
