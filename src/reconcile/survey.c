/* A survey: everything ECS has in one cluster, and everything stored of it, described. */
#include "reconcile/survey.h"

#include <pthread.h>
#include <stdlib.h>

#include "model/arn.h"
#include "util/log.h"
#include "util/mem.h"

#define AHEAD_MAX 50 /* calls of Describe more than pages were read: half of ECS' burst */

/* What ECS lists: three listings, each read by one thread page after page. */
static const struct listing {
    enum kind kind;
    const char *name;
    const char *desired_status; /* of tasks */
} listings[] = {
    {KIND_INSTANCE, "container instances", NULL},
    {KIND_TASK, "RUNNING tasks", "RUNNING"},
    {KIND_TASK, "STOPPED tasks", "STOPPED"},
};

/* One run of a survey. */
struct course {
    const struct survey *survey;
    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t wake;  /* there may be more to describe, or nothing more to come */
    size_t next_listing;
    int n_listing;                    /* listings being read */
    size_t next_stored[SURVEY_KINDS]; /* the first stored entity nobody described yet */
    json_t *unknown[SURVEY_KINDS]; /* ARNs listed which are not stored: a set of all of them ... */
    json_t *waiting[SURVEY_KINDS]; /* ... and an array of those to be described */
    int64_t pages;                 /* of listings, read */
    int64_t batches;               /* described, or being described */
    struct error err;              /* the first failure */
};

/* What one thread does next. */
struct errand {
    const struct listing *listing; /* or, NULL: */
    enum kind kind;
    json_t *arns; /* to be described */
};

static int compare_key(const void *key, const void *entity)
{
    return strcmp(key, (*(struct entity *const *)entity)->key);
}

const struct entity *survey_stored(const struct survey *survey, enum kind kind, const char *key)
{
    const struct entity_list *list = survey->stored[kind];
    struct entity **found =
        list->n > 0 ? bsearch(key, list->items, list->n, sizeof(list->items[0]), compare_key)
                    : NULL;

    return found ? *found : NULL;
}

/* ---- what to do next; all with the lock held ------------------------------------------------- */

static void fail(struct course *course, const struct error *why)
{
    if (course->err.code == ERR_NONE) {
        course->err = *why;
    }
    pthread_cond_broadcast(&course->wake);
}

static bool is_over(struct course *course)
{
    if (course->err.code == ERR_NONE && course->survey->stopping(course->survey->stopping_ctx)) {
        error_set(&course->err, ERR_CONFLICT, "asked to stop, or the lease is lost");
    }
    return course->err.code != ERR_NONE;
}

/* A listing's pages come one after the other and are what takes longest: while they come, one call
 * of Describe for each page leaves them enough of the quota, and uses it up none the less. */
static bool is_ahead(const struct course *course)
{
    return course->n_listing > 0 && course->batches >= course->pages + AHEAD_MAX;
}

static json_t *take_stored(struct course *course, enum kind kind)
{
    const struct entity_list *stored = course->survey->stored[kind];
    json_t *arns = json_array();

    while (course->next_stored[kind] < stored->n && json_array_size(arns) < ECS_DESCRIBE_MAX) {
        json_array_append_new(arns, json_string(stored->items[course->next_stored[kind]++]->key));
    }
    return arns;
}

static json_t *take_waiting(struct course *course, enum kind kind)
{
    json_t *waiting = course->waiting[kind];
    json_t *arns = json_array();

    while (json_array_size(waiting) > 0 && json_array_size(arns) < ECS_DESCRIBE_MAX) {
        size_t last = json_array_size(waiting) - 1;

        json_array_append(arns, json_array_get(waiting, last));
        json_array_remove(waiting, last);
    }
    return arns;
}

/* One call's worth of ARNs: full calls while listings go on, the rest when they are over. */
static bool take_batch(struct course *course, struct errand *out)
{
    size_t enough = course->n_listing > 0 ? ECS_DESCRIBE_MAX : 1;

    for (int k = SURVEY_KINDS - 1; k >= 0; k--) { /* instances first */
        if (course->next_stored[k] < course->survey->stored[k]->n && !is_ahead(course)) {
            *out = (struct errand){.kind = (enum kind)k, .arns = take_stored(course, (enum kind)k)};
            return true;
        }
        if (json_array_size(course->waiting[k]) >= enough) {
            *out =
                (struct errand){.kind = (enum kind)k, .arns = take_waiting(course, (enum kind)k)};
            return true;
        }
    }
    return false;
}

/* Waits until there is something to do; false: nothing is left. */
static bool take_errand(struct course *course, struct errand *out)
{
    while (!is_over(course)) {
        if (course->next_listing < ARRAY_LEN(listings)) {
            *out = (struct errand){.listing = &listings[course->next_listing++]};
            course->n_listing++;
            return true;
        }
        if (take_batch(course, out)) {
            course->batches++;
            return true;
        }
        if (course->n_listing == 0) {
            return false;
        }
        pthread_cond_wait(&course->wake, &course->lock);
    }
    return false;
}

/* ---- doing it -------------------------------------------------------------------------------- */

struct reading {
    struct course *course;
    enum kind kind;
};

/* One page of a listing. False ends it. */
static bool take_page(void *ctx, const json_t *arns)
{
    const struct reading *reading = ctx;
    struct course *course = reading->course;
    json_t *arn;
    size_t i;

    pthread_mutex_lock(&course->lock);
    course->pages++;
    json_array_foreach(arns, i, arn)
    {
        const char *text = json_string_value(arn);

        if (text && !survey_stored(course->survey, reading->kind, text) &&
            !json_object_get(course->unknown[reading->kind], text)) {
            json_object_set_new(course->unknown[reading->kind], text, json_null());
            json_array_append(course->waiting[reading->kind], arn);
        }
    }
    bool more = !is_over(course);

    pthread_cond_broadcast(&course->wake);
    pthread_mutex_unlock(&course->lock);
    return more;
}

static int list(struct course *course, const struct listing *listing, struct error *err)
{
    const struct survey *survey = course->survey;
    struct reading reading = {course, listing->kind};
    int outcome = listing->kind == KIND_INSTANCE
                      ? ecs_list_container_instances(&survey->ecs, survey->cluster, NULL, take_page,
                                                     &reading, err)
                      : ecs_list_tasks(&survey->ecs, survey->cluster, listing->desired_status,
                                       take_page, &reading, err);

    pthread_mutex_lock(&course->lock);
    course->n_listing--;
    pthread_cond_broadcast(&course->wake);
    pthread_mutex_unlock(&course->lock);
    return outcome < 0 ? error_prefix(err, "listing %s", listing->name) : 0;
}

static int ask(const struct survey *survey, enum kind kind, json_t *arns, json_t **found,
               json_t **failures, struct error *err)
{
    return kind == KIND_TASK
               ? ecs_describe_tasks(&survey->ecs, survey->cluster, arns, found, failures, err)
               : ecs_describe_container_instances(&survey->ecs, survey->cluster, arns, found,
                                                  failures, err);
}

static bool can_be_asked_for(enum kind kind, const char *arn)
{
    struct arn parts;

    return !arn_parse(arn, kind == KIND_TASK ? ARN_TASK : ARN_INSTANCE, &parts) ||
           arn_id_is_valid(parts.id);
}

/* What ECS refuses to look for, it does not have; but we have to see why it refuses: one day it may
 * refuse everything, and then that is no reason to forget everything. */
static int describe_none(struct course *course, enum kind kind, json_t *arns,
                         const struct error *why, struct error *err)
{
    const struct survey *survey = course->survey;
    const char *arn = json_string_value(json_array_get(arns, 0));
    json_auto_t *found = json_array();
    json_auto_t *failures = json_pack("[{s:s, s:s}]", "arn", arn, "reason", "MISSING");

    if (can_be_asked_for(kind, arn)) {
        return error_set(err, why->code, "describing %ss: %s", kind_name(kind), why->text);
    }
    log_warn("drift.refused", "%s=%s text=\"%s\"", kind_name(kind), arn, why->text);
    return survey->described(survey->ctx, kind, found, failures, err);
}

/* Takes the ARNs. ECS refuses all of a call for one which cannot name anything, as that of a forged
 * event may: halves of what is refused are asked for apart. */
static int describe(struct course *course, enum kind kind, json_t *arns, struct error *err)
{
    const struct survey *survey = course->survey;
    json_auto_t *owned = arns;
    json_auto_t *found = NULL;
    json_auto_t *failures = NULL;
    size_t n = json_array_size(arns);
    struct error why = {0};

    if (ask(survey, kind, arns, &found, &failures, &why) == 0) {
        return survey->described(survey->ctx, kind, found, failures, err);
    }
    if (why.code != ERR_INVALID) {
        return error_set(err, why.code, "describing %ss: %s", kind_name(kind), why.text);
    }
    if (n == 1) {
        return describe_none(course, kind, arns, &why, err);
    }
    json_t *half = json_array();

    for (size_t i = n / 2; i < n; i++) {
        json_array_append(half, json_array_get(arns, n / 2));
        json_array_remove(arns, n / 2);
    }
    pthread_mutex_lock(&course->lock);
    course->batches += 2;
    pthread_mutex_unlock(&course->lock);
    if (describe(course, kind, half, err) < 0) {
        return -1;
    }
    return describe(course, kind, json_incref(arns), err);
}

static void *work(void *ctx)
{
    struct course *course = ctx;
    struct errand errand;

    pthread_mutex_lock(&course->lock);
    while (take_errand(course, &errand)) {
        struct error why = {0};

        pthread_mutex_unlock(&course->lock);
        int outcome = errand.listing ? list(course, errand.listing, &why)
                                     : describe(course, errand.kind, errand.arns, &why);

        pthread_mutex_lock(&course->lock);
        if (outcome < 0) {
            fail(course, &why);
        }
    }
    pthread_mutex_unlock(&course->lock);
    return NULL;
}

/* The caller is one of the threads: it goes on alone when there are none to be had. */
static void work_together(struct course *course)
{
    pthread_t helpers[SURVEY_THREADS - 1];
    size_t n = 0;

    while (n < ARRAY_LEN(helpers) && pthread_create(&helpers[n], NULL, work, course) == 0) {
        n++;
    }
    (void)work(course);
    while (n > 0) {
        pthread_join(helpers[--n], NULL);
    }
}

int survey_run(const struct survey *survey, int64_t *reads, struct error *err)
{
    struct course course = {
        .survey = survey,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .wake = PTHREAD_COND_INITIALIZER,
        .unknown = {json_object(), json_object()},
        .waiting = {json_array(), json_array()},
    };

    work_together(&course);
    for (int k = 0; k < SURVEY_KINDS; k++) {
        json_decref(course.unknown[k]);
        json_decref(course.waiting[k]);
    }
    pthread_cond_destroy(&course.wake);
    pthread_mutex_destroy(&course.lock);
    *reads += course.pages + course.batches;
    return course.err.code == ERR_NONE ? 0 : error_set(err, course.err.code, "%s", course.err.text);
}
