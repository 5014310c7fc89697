/* One drift pass of one cluster: everything ECS has in it against everything stored of it. */
#include "reconcile/pass.h"

#include <stdlib.h>

#include "model/cluster.h"
#include "model/record.h"
#include "reconcile/batch.h"
#include "reconcile/upkeep.h"
#include "util/log.h"
#include "util/mem.h"

#define VIEW_TIMEOUT_MS 5000
#define SKIPPED_LINES   3 /* logged of a pass, the rest is only counted */

struct pass {
    const struct pass_tools *tools;
    const char *cluster;
    const char *status;
    int64_t since;                       /* the store's revision when the pass began */
    int64_t began_ms;                    /* the store's time then */
    struct entity_list instances, tasks; /* stored when it began */
    json_t *gone;                        /* of these, by ARN, what ECS says is MISSING */
    struct pass_report *report;
};

/* ---- what is stored -------------------------------------------------------------------------- */

static int begin(struct pass *pass, struct error *err)
{
    struct view *view = pass->tools->view;

    if (store_revision(pass->tools->store, &pass->since, err) < 0 ||
        view_wait(view, pass->since, VIEW_TIMEOUT_MS, err) < 0) {
        return -1;
    }
    pass->began_ms = view_now_ms(view);
    view_list(view, KIND_INSTANCE, pass->cluster, &pass->instances);
    view_list(view, KIND_TASK, pass->cluster, &pass->tasks);
    pass->gone = json_object();
    return 0;
}

static const struct entity_list *stored_of(const struct pass *pass, enum kind kind)
{
    return kind == KIND_TASK ? &pass->tasks : &pass->instances;
}

static int compare_key(const void *key, const void *entity)
{
    return strcmp(key, (*(struct entity *const *)entity)->key);
}

/* NULL when nothing is stored. */
static const struct entity *find_stored(const struct pass *pass, enum kind kind, const char *key)
{
    const struct entity_list *list = stored_of(pass, kind);
    struct entity **found =
        list->n > 0 ? bsearch(key, list->items, list->n, sizeof(list->items[0]), compare_key)
                    : NULL;

    return found ? *found : NULL;
}

/* ---- what ECS has ---------------------------------------------------------------------------- */

/* A listing asked for one page, even when it was empty. */
static void count_pages(struct pass *pass, const json_t *arns)
{
    size_t n = json_array_size(arns);

    pass->report->reads += n == 0 ? 1 : (int64_t)((n + ECS_DESCRIBE_MAX - 1) / ECS_DESCRIBE_MAX);
}

static void add_all(json_t *set, const json_t *arns)
{
    json_t *arn;
    size_t i;

    json_array_foreach(arns, i, arn)
    {
        if (json_is_string(arn)) {
            json_object_set_new(set, json_string_value(arn), json_null());
        }
    }
}

static int list_instances(struct pass *pass, json_t *set, struct error *err)
{
    json_auto_t *arns = NULL;

    if (ecs_list_container_instances(&pass->tools->ecs, pass->cluster, NULL, &arns, err) < 0) {
        return error_prefix(err, "listing container instances");
    }
    count_pages(pass, arns);
    add_all(set, arns);
    return 0;
}

static int list_tasks(struct pass *pass, json_t *set, struct error *err)
{
    static const char *const statuses[] = {"RUNNING", "STOPPED"};

    for (size_t s = 0; s < ARRAY_LEN(statuses); s++) {
        json_auto_t *arns = NULL;

        if (ecs_list_tasks(&pass->tools->ecs, pass->cluster, statuses[s], &arns, err) < 0) {
            return error_prefix(err, "listing %s tasks", statuses[s]);
        }
        count_pages(pass, arns);
        add_all(set, arns);
    }
    return 0;
}

/* Two kinds, one way to go about them. */
static const struct {
    int (*list)(struct pass *pass, json_t *set, struct error *err);
    int (*describe)(const struct ecs *ecs, const char *cluster, json_t *arns, json_t **found,
                    json_t **failures, struct error *err);
    int (*record)(const json_t *described, const char *cluster_arn, struct record *out,
                  struct error *err);
} calls[] = {
    [KIND_TASK] = {list_tasks, ecs_describe_tasks, task_record},
    [KIND_INSTANCE] = {list_instances, ecs_describe_container_instances, instance_record},
};

/* A task of which nothing is stored, STOPPED so long ago that upkeep would remove it at once. */
static bool has_expired(const struct pass *pass, const json_t *task)
{
    const char *arn = json_string_value(json_object_get(task, "taskArn"));
    const json_t *stopped_at = json_object_get(task, "stoppedAt");

    return arn && !find_stored(pass, KIND_TASK, arn) && json_is_number(stopped_at) &&
           pass->began_ms - (int64_t)(json_number_value(stopped_at) * 1000) > STOPPED_TASK_AGE_MS;
}

/* Which counter a repair belongs to. */
static int64_t *repair_of(struct pass *pass, const struct record *record)
{
    const struct entity *stored = find_stored(pass, record->kind, record->key);

    return !stored                                    ? &pass->report->missed
           : !streq(stored->version, record->version) ? &pass->report->outdated
                                                      : &pass->report->changed;
}

static int refresh(struct pass *pass, enum kind kind, const json_t *described, struct batch *batch,
                   struct error *err)
{
    struct batch_op op = {.conditions = COMMIT_REFRESH, .since = pass->since};
    struct error why = {0};

    if (kind == KIND_TASK && has_expired(pass, described)) {
        return 0;
    }
    if (calls[kind].record(described, pass->cluster, &op.record, &why) < 0) {
        if (pass->report->skipped++ < SKIPPED_LINES) {
            log_warn("drift.skipped", "cluster=%s kind=%s reason=\"%s\"", pass->cluster,
                     kind_name(kind), why.text);
        }
        return 0;
    }
    op.item = repair_of(pass, &op.record);
    return batch_add(batch, &op, err);
}

/* Only MISSING means that ECS does not have it; any other failure tells nothing. */
static void note_missing(struct pass *pass, enum kind kind, const json_t *failures)
{
    json_t *failure;
    size_t i;

    json_array_foreach(failures, i, failure)
    {
        const char *arn = json_string_value(json_object_get(failure, "arn"));
        const char *reason = json_string_value(json_object_get(failure, "reason"));

        if (arn && reason && streq(reason, "MISSING") && find_stored(pass, kind, arn)) {
            json_object_set_new(pass->gone, arn, json_null());
        }
    }
}

static void count_applied(void *ctx, void *item, enum commit_op_result result)
{
    (void)ctx;
    if (result == COMMIT_APPLIED) {
        (*(int64_t *)item)++;
    }
}

static int check_stop(const struct pass *pass, struct error *err)
{
    return pass->tools->stopping(pass->tools->ctx)
               ? error_set(err, ERR_CONFLICT, "asked to stop, or the lease is lost")
               : 0;
}

static int describe(struct pass *pass, enum kind kind, json_t *arns, struct error *err)
{
    AUTO_BATCH batch = {
        .store = pass->tools->store,
        .cause = "drift",
        .lease_token = pass->tools->lease_token,
        .done = count_applied,
    };
    json_auto_t *found = NULL;
    json_auto_t *failures = NULL;
    json_t *described;
    size_t i;

    if (check_stop(pass, err) < 0 ||
        calls[kind].describe(&pass->tools->ecs, pass->cluster, arns, &found, &failures, err) < 0) {
        return error_prefix(err, "describing %ss", kind_name(kind));
    }
    pass->report->reads++;
    *(kind == KIND_TASK ? &pass->report->tasks : &pass->report->instances) +=
        json_array_size(found);
    note_missing(pass, kind, failures);
    json_array_foreach(found, i, described)
    {
        if (refresh(pass, kind, described, &batch, err) < 0) {
            return -1;
        }
    }
    return batch_flush(&batch, err);
}

/* Describes what ECS lists and what is stored: INACTIVE instances are never listed, and a listing
 * may lag. */
static int compare_kind(struct pass *pass, enum kind kind, struct error *err)
{
    const struct entity_list *stored = stored_of(pass, kind);
    json_auto_t *set = json_object();
    json_auto_t *arns = json_array();
    const char *arn;
    json_t *nothing;

    if (check_stop(pass, err) < 0 || calls[kind].list(pass, set, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < stored->n; i++) {
        json_object_set_new(set, stored->items[i]->key, json_null());
    }
    json_object_foreach(set, arn, nothing)
    {
        json_array_append_new(arns, json_string(arn));
        if (json_array_size(arns) == ECS_DESCRIBE_MAX) {
            if (describe(pass, kind, arns, err) < 0) {
                return -1;
            }
            json_array_clear(arns);
        }
    }
    return json_array_size(arns) > 0 ? describe(pass, kind, arns, err) : 0;
}

static void all_is_gone(struct pass *pass, const struct entity_list *stored)
{
    for (size_t i = 0; i < stored->n; i++) {
        json_object_set_new(pass->gone, stored->items[i]->key, json_null());
    }
}

/* A cluster which ListClusters does not name: MISSING, INACTIVE, or younger than the listing. */
static int look_up_status(struct pass *pass, struct error *err)
{
    json_auto_t *cluster = NULL;

    if (ecs_describe_cluster(&pass->tools->ecs, pass->cluster, NULL, &cluster, err) < 0) {
        return error_prefix(err, "describing the cluster");
    }
    pass->report->reads++;
    const char *status = json_string_value(json_object_get(cluster, "status"));

    pass->status = !cluster                              ? "MISSING"
                   : status && streq(status, "INACTIVE") ? "INACTIVE"
                                                         : "ACTIVE";
    return 0;
}

static int compare(struct pass *pass, struct error *err)
{
    if (streq(pass->status, "ACTIVE")) {
        if (compare_kind(pass, KIND_INSTANCE, err) < 0 || compare_kind(pass, KIND_TASK, err) < 0) {
            return -1;
        }
    } else {
        all_is_gone(pass, &pass->instances);
        all_is_gone(pass, &pass->tasks);
    }
    return 0;
}

/* ---- the end --------------------------------------------------------------------------------- */

static int sweep(struct pass *pass, struct missed **missed, struct error *err)
{
    const struct sweep what = {
        .store = pass->tools->store,
        .lease_token = pass->tools->lease_token,
        .cluster = pass->cluster,
        .began_ms = pass->began_ms,
        .instances = &pass->instances,
        .tasks = &pass->tasks,
        .gone = pass->gone,
    };

    return sweep_gone(&what, missed, &pass->report->deleted, &pass->report->held, err);
}

/* Nothing speaks of the cluster any more: no task, no instance, no environment. */
static bool is_forgotten(const struct pass *pass)
{
    struct entity_list environments = {0};

    view_list(pass->tools->view, KIND_ENVIRONMENT, pass->cluster, &environments);
    bool forgotten = !streq(pass->status, "ACTIVE") && pass->instances.n == 0 &&
                     pass->tasks.n == 0 && environments.n == 0;

    entity_list_clear(&environments);
    return forgotten;
}

static int write_cluster(struct pass *pass, struct error *err)
{
    AUTO_BATCH batch = {
        .store = pass->tools->store,
        .cause = "drift",
        .lease_token = pass->tools->lease_token,
    };
    const struct cluster cluster = {
        .arn = pass->cluster,
        .status = pass->status,
        .synced_revision = pass->since,
        .synced_at_ms = view_now_ms(pass->tools->view),
    };
    struct batch_op op = {
        .record = {.kind = KIND_CLUSTER, .key = xstrdup(cluster.arn), .version = xstrdup("0")}};
    AUTO_STRBUF fields = {0}, body = {0};

    if (!is_forgotten(pass)) {
        cluster_fields(&cluster, &fields);
        cluster_body(&cluster, &body);
        op.record.fields = strbuf_take(&fields);
        op.record.body = strbuf_take(&body);
    }
    return batch_add(&batch, &op, err) < 0 ? -1 : batch_flush(&batch, err);
}

int pass_run(const struct pass_tools *tools, const char *cluster_arn, bool is_listed,
             struct missed **missed, struct pass_report *report, struct error *err)
{
    struct pass pass = {
        .tools = tools, .cluster = cluster_arn, .status = "ACTIVE", .report = report};
    int outcome = begin(&pass, err);

    if (outcome == 0 && !is_listed) {
        outcome = look_up_status(&pass, err);
    }
    if (outcome == 0) {
        outcome = compare(&pass, err);
    }
    if (outcome == 0) {
        outcome = sweep(&pass, missed, err);
    }
    if (outcome == 0) {
        outcome = write_cluster(&pass, err);
    }
    entity_list_clear(&pass.instances);
    entity_list_clear(&pass.tasks);
    json_decref(pass.gone);
    return outcome;
}
