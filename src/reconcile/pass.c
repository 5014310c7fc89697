/* One drift pass of one cluster: everything ECS has in it against everything stored of it. */
#include "reconcile/pass.h"

#include <pthread.h>
#include <stdatomic.h>

#include "model/cluster.h"
#include "model/record.h"
#include "reconcile/batch.h"
#include "reconcile/survey.h"
#include "reconcile/upkeep.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"

#define VIEW_TIMEOUT_MS 5000
#define SKIPPED_LINES   3     /* logged of a pass, the rest is only counted */
#define PROGRESS_MS     10000 /* between two lines about a long pass */

struct pass {
    const struct pass_tools *tools;
    const char *cluster;
    const char *status;
    int64_t since;                       /* the store's revision when the pass began */
    int64_t began_ms;                    /* the store's time then */
    struct entity_list instances, tasks; /* stored when it began */
    struct survey survey;
    pthread_mutex_t lock; /* of the rest: a survey has several threads */
    json_t *gone;         /* of those stored, by ARN, what ECS says is MISSING */
    struct pass_report *report;
    atomic_int skipped_lines; /* logged */
    int64_t progress_ms;      /* monotonic; when the next line about it is due */
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
    return 0;
}

static const struct entity *find_stored(const struct pass *pass, enum kind kind, const char *key)
{
    return survey_stored(&pass->survey, kind, key);
}

/* ---- what ECS has ---------------------------------------------------------------------------- */

static int (*const make_record[SURVEY_KINDS])(const json_t *described, const char *cluster_arn,
                                              struct record *out, struct error *err) = {
    [KIND_TASK] = task_record,
    [KIND_INSTANCE] = instance_record,
};

/* A task of which nothing is stored, STOPPED so long ago that upkeep would remove it at once. */
static bool has_expired(const struct pass *pass, const json_t *task)
{
    const char *arn = json_string_value(json_object_get(task, "taskArn"));
    const json_t *stopped_at = json_object_get(task, "stoppedAt");

    return arn && !find_stored(pass, KIND_TASK, arn) && json_is_number(stopped_at) &&
           pass->began_ms - (int64_t)(json_number_value(stopped_at) * 1000) > STOPPED_TASK_AGE_MS;
}

/* No Describe told of it yet, only events, which say less. */
static bool is_from_events(const struct entity *stored)
{
    return stored->kind == KIND_TASK ? !*entity_field(stored, TASK_HEALTH)
                                     : !*entity_field(stored, INSTANCE_REGISTERED_AT_MS);
}

/* Which counter a repair belongs to. */
static int64_t *repair_of(const struct pass *pass, const struct record *record,
                          struct pass_report *report)
{
    const struct entity *stored = find_stored(pass, record->kind, record->key);

    return !stored                                    ? &report->missed
           : !streq(stored->version, record->version) ? &report->outdated
           : is_from_events(stored)                   ? &report->filled
                                                      : &report->changed;
}

static int refresh(struct pass *pass, enum kind kind, const json_t *described, struct batch *batch,
                   struct pass_report *report, struct error *err)
{
    struct batch_op op = {.conditions = COMMIT_REFRESH, .since = pass->since};
    struct error why = {0};

    if (kind == KIND_TASK && has_expired(pass, described)) {
        return 0;
    }
    if (make_record[kind](described, pass->cluster, &op.record, &why) < 0) {
        report->skipped++;
        if (atomic_fetch_add(&pass->skipped_lines, 1) < SKIPPED_LINES) {
            log_warn("drift.skipped", "cluster=%s kind=%s reason=\"%s\"", pass->cluster,
                     kind_name(kind), why.text);
        }
        return 0;
    }
    op.item = repair_of(pass, &op.record, report);
    return batch_add(batch, &op, err);
}

static void count_applied(void *ctx, void *item, enum commit_op_result result)
{
    (void)ctx;
    if (result == COMMIT_APPLIED) {
        (*(int64_t *)item)++;
    }
}

static int store_described(struct pass *pass, enum kind kind, const json_t *found,
                           struct pass_report *report, struct error *err)
{
    AUTO_BATCH batch = {
        .store = pass->tools->store,
        .cause = "drift",
        .lease_token = pass->tools->lease_token,
        .done = count_applied,
    };
    json_t *described;
    size_t i;

    *(kind == KIND_TASK ? &report->tasks : &report->instances) += json_array_size(found);
    json_array_foreach(found, i, described)
    {
        if (refresh(pass, kind, described, &batch, report, err) < 0) {
            return -1;
        }
    }
    return batch_flush(&batch, err);
}

/* Only MISSING means that ECS does not have it; any other failure tells nothing. With the lock. */
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

/* With the lock. */
static void tell_progress(struct pass *pass)
{
    const struct pass_report *report = pass->report;

    if (clock_mono_ms() >= pass->progress_ms) {
        pass->progress_ms = clock_mono_ms() + PROGRESS_MS;
        log_info("drift.progress",
                 "cluster=%s instances=%zu stored_instances=%zu tasks=%zu stored_tasks=%zu",
                 pass->cluster, report->instances, pass->instances.n, report->tasks, pass->tasks.n);
    }
}

/* One answer of Describe. Of an answer whose commit fails on the way, what was committed counts. */
static int take_described(void *ctx, enum kind kind, json_t *found, json_t *failures,
                          struct error *err)
{
    struct pass *pass = ctx;
    struct pass_report report = {0};
    int outcome = store_described(pass, kind, found, &report, err);

    pthread_mutex_lock(&pass->lock);
    pass_report_add(pass->report, &report);
    note_missing(pass, kind, failures);
    tell_progress(pass);
    pthread_mutex_unlock(&pass->lock);
    return outcome;
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
        return survey_run(&pass->survey, &pass->report->reads, err);
    }
    all_is_gone(pass, &pass->instances);
    all_is_gone(pass, &pass->tasks);
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

void pass_report_add(struct pass_report *sum, const struct pass_report *more)
{
    sum->instances += more->instances;
    sum->tasks += more->tasks;
    sum->reads += more->reads;
    sum->missed += more->missed;
    sum->outdated += more->outdated;
    sum->changed += more->changed;
    sum->filled += more->filled;
    sum->deleted += more->deleted;
    sum->held += more->held;
    sum->skipped += more->skipped;
}

static int run(struct pass *pass, bool is_listed, struct missed **missed, struct error *err)
{
    if (begin(pass, err) < 0 || (!is_listed && look_up_status(pass, err) < 0) ||
        compare(pass, err) < 0 || sweep(pass, missed, err) < 0) {
        return -1;
    }
    return write_cluster(pass, err);
}

int pass_run(const struct pass_tools *tools, const char *cluster_arn, bool is_listed,
             struct missed **missed, struct pass_report *report, struct error *err)
{
    struct pass pass = {
        .tools = tools,
        .cluster = cluster_arn,
        .status = "ACTIVE",
        .survey = {.ecs = tools->ecs,
                   .cluster = cluster_arn,
                   .stored = {[KIND_TASK] = &pass.tasks, [KIND_INSTANCE] = &pass.instances},
                   .stopping = tools->stopping,
                   .stopping_ctx = tools->ctx,
                   .described = take_described,
                   .ctx = &pass},
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .gone = json_object(),
        .report = report,
        .progress_ms = clock_mono_ms() + PROGRESS_MS,
    };
    int outcome = run(&pass, is_listed, missed, err);

    entity_list_clear(&pass.instances);
    entity_list_clear(&pass.tasks);
    json_decref(pass.gone);
    pthread_mutex_destroy(&pass.lock);
    return outcome;
}
