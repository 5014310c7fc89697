/* Answers in: what ECS said becomes tasks and placements, in one commit. */
#include <stdlib.h>

#include "plan/backoff.h"
#include "reconcile/draft.h"
#include "reconcile/errands.h"
#include "util/clock.h"
#include "util/crypto.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define SETTLE_AGAIN_MS  5000 /* after a listing which failed */
#define STRAY_TRIES      3
#define STRAY_TIMEOUT_MS 1000
#define STEP_OPS         2         /* a task and a placement */
#define REASON_UNKNOWN   "UNKNOWN" /* ECS named an instance and no reason */

/* ---- what an answer says about one step ------------------------------------------------------ */

enum meaning {
    MEANS_WRITE,   /* step->placement is to be written */
    MEANS_NOTHING, /* the placement stays as it is */
    MEANS_DOUBT,   /* nobody knows; the placement stays as it is, too */
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static const json_t *task_on(const struct errand *errand, const char *instance)
{
    size_t t;
    json_t *task;

    json_array_foreach(errand->tasks, t, task)
    {
        if (streq(text_of(task, "containerInstanceArn"), instance)) {
            return task;
        }
    }
    return NULL;
}

static const char *failure_on(const struct errand *errand, const char *instance)
{
    size_t f;
    json_t *failure;

    json_array_foreach(errand->failures, f, failure)
    {
        if (streq(text_of(failure, "arn"), instance)) {
            return text_of(failure, "reason")[0] ? text_of(failure, "reason") : REASON_UNKNOWN;
        }
    }
    return NULL;
}

/* The instance's own failure has a reason, which people see. ECS being away, slow or busy has none:
 * it says nothing about the instance. */
static void failed(struct step *step, const char *reason, int64_t now_ms)
{
    uint32_t random;

    crypto_random(&random, sizeof(random));
    if (reason && !streq(reason, step->placement.reason)) {
        log_warn("scheduler.instance-failed", "environment=%s instance=%s reason=%s",
                 step->placement.environment, step->placement.instance, reason);
        step_set_reason(step, reason);
    }
    metric_add(METRIC_SCHEDULER_FAILURES,
               metric_value_of(METRIC_SCHEDULER_FAILURES, 0, reason ? reason : "UNAVAILABLE"), 1);
    step->placement.failures++;
    step->placement.retry_at_ms = backoff_until_ms(now_ms, step->placement.failures, random);
}

/* AWS' code where ECS understood the call and refused it; else NULL. */
static const char *refusal(const struct errand *errand)
{
    switch (errand->err.code) {
    case ERR_INVALID:
    case ERR_DENIED:
    case ERR_NOT_FOUND:
    case ERR_CONFLICT:
        return errand->code[0] ? errand->code : NULL;
    default:
        return NULL;
    }
}

static enum meaning start_means(const struct errand *errand, struct step *step, int64_t now_ms)
{
    const json_t *task = task_on(errand, step->placement.instance);
    const char *reason = failure_on(errand, step->placement.instance);

    if (task && text_of(task, "taskArn")[0]) {
        step_set_state(step, PLACEMENT_PLACED, now_ms);
        step_set_tasks(step, text_of(task, "taskArn"));
        return MEANS_WRITE;
    }
    if (errand->in_doubt || (errand->err.code == ERR_NONE && !reason)) {
        return MEANS_DOUBT;
    }
    step_set_state(step, PLACEMENT_WAITING, now_ms);
    if (!errand->refused) {
        failed(step, errand->err.code == ERR_NONE ? reason : refusal(errand), now_ms);
    }
    return MEANS_WRITE;
}

static enum meaning stop_means(const struct errand *errand, struct step *step, int64_t now_ms)
{
    if (errand->err.code == ERR_NONE) {
        return MEANS_NOTHING;
    }
    step_set_state(step, PLACEMENT_STOPPING, now_ms);
    if (errand->refused) {
        step->placement.retry_at_ms = now_ms;
    } else {
        failed(step, errand->in_doubt ? NULL : refusal(errand), now_ms);
    }
    return MEANS_WRITE;
}

static enum meaning listing_means(const struct errand *errand, struct step *step, int64_t now_ms)
{
    const json_t *task = task_on(errand, step->placement.instance);

    if (errand->err.code != ERR_NONE) {
        return MEANS_DOUBT;
    }
    if (task && text_of(task, "taskArn")[0]) {
        step_set_state(step, PLACEMENT_PLACED, now_ms);
        step_set_tasks(step, text_of(task, "taskArn"));
    } else {
        step_set_state(step, PLACEMENT_WAITING, now_ms);
        failed(step, REASON_START_LOST, now_ms);
    }
    return MEANS_WRITE;
}

static enum meaning meaning(const struct errand *errand, struct step *step, int64_t now_ms)
{
    switch (errand->kind) {
    case ERRAND_START:
        return start_means(errand, step, now_ms);
    case ERRAND_STOP:
        return stop_means(errand, step, now_ms);
    case ERRAND_SETTLE:
        return listing_means(errand, step, now_ms);
    }
    return MEANS_DOUBT;
}

static void count_answer(const struct errand *errand, const struct step *step, enum meaning means)
{
    bool placed = means == MEANS_WRITE && step->placement.state == PLACEMENT_PLACED;
    enum metric_result result = errand->refused                            ? RESULT_REFUSED
                                : means == MEANS_DOUBT || errand->in_doubt ? RESULT_IN_DOUBT
                                : placed || (errand->kind == ERRAND_STOP && means == MEANS_NOTHING)
                                    ? RESULT_OK
                                    : RESULT_FAILED;

    switch (errand->kind) {
    case ERRAND_START:
        metric_add(METRIC_SCHEDULER_STARTS, result, 1);
        break;
    case ERRAND_STOP:
        metric_add(METRIC_SCHEDULER_STOPS, result, 1);
        break;
    case ERRAND_SETTLE:
        metric_add(METRIC_SCHEDULER_SETTLED,
                   placed                 ? SETTLED_FOUND
                   : means == MEANS_WRITE ? SETTLED_LOST
                                          : SETTLED_FAILED,
                   1);
        break;
    }
}

/* ---- the commit ------------------------------------------------------------------------------ */

/* A task which cannot be stored must not be named either: unseen it would pass for stopped. */
static void draft_answer(struct draft *draft, struct errand *errand, struct step *step,
                         int64_t now_ms)
{
    const json_t *task = errand->kind == ERRAND_STOP ? json_array_get(errand->tasks, 0)
                                                     : task_on(errand, step->placement.instance);

    step->op = STEP_NO_OP;
    if (!step->understood) { /* else this is the second attempt at the commit */
        enum meaning means = meaning(errand, step, now_ms);

        count_answer(errand, step, means);
        step->to_write = means == MEANS_WRITE;
        step->understood = true;
    }
    if (task && !draft_task(draft, task, step->placement.cluster)) {
        log_error("scheduler.task-unreadable", "instance=%s", step->placement.instance);
        return;
    }
    if (step->to_write && !draft_names_placement(draft, &step->placement)) {
        step->op = draft->n;
        draft_placement(draft, &step->placement, step->revision);
    }
}

/* The placement was written by somebody else meanwhile: another lease holder, or this answer's
 * first attempt. The task is added to what stands there now, so that "exactly one" can see it. */
static int add_stray(struct apply *apply, struct step *step, struct error *err)
{
    struct view *view = apply->options.view;
    AUTO_STRBUF key = {0};
    AUTO_STRBUF tasks = {0};
    AUTO(entity) *entity = NULL;
    AUTO_DRAFT draft = {0};
    struct placement placement = step->placement;
    struct commit_result result;
    struct commit commit = {.cause = "scheduler", .durable = true, .ops = draft.ops, .n_ops = 1};

    if (view_catch_up(view, STRAY_TIMEOUT_MS, err) < 0) {
        return -1;
    }
    placement_key(placement.environment, placement.instance, &key);
    entity = view_get(view, KIND_PLACEMENT, key.text);
    if (entity) {
        placement_read(entity->fields, &placement);
        if (placement_owns(&placement, step->placement.tasks)) {
            return 0;
        }
        strbuf_addf(&tasks, "%s%s%s", placement.tasks, placement.tasks[0] ? "," : "",
                    step->placement.tasks);
        placement.tasks = tasks.text;
    }
    metric_add(METRIC_SCHEDULER_STRAYS, 0, 1);
    log_warn("scheduler.stray", "environment=%s instance=%s task=%s", placement.environment,
             placement.instance, step->placement.tasks);
    draft_placement(&draft, &placement, entity ? entity->revision : 0);
    commit_id_make(commit.id);
    if (store_commit(apply->options.store, &commit, &result, err) < 0) {
        return -1;
    }
    if (result.outcome != COMMIT_DONE || result.ops[0].result != COMMIT_APPLIED) {
        return error_set(err, ERR_CONFLICT, "placement %s keeps changing", key.text);
    }
    return 0;
}

static void keep_stray(struct apply *apply, struct step *step)
{
    struct error err = {0};

    for (int i = 0; i < STRAY_TRIES; i++) {
        error_clear(&err);
        if (add_stray(apply, step, &err) == 0) {
            return;
        }
    }
    log_error("scheduler.stray-lost", "task=%s text=\"%s\"", step->placement.tasks, err.text);
}

/* What the place has to wait for; with the lock held. */
static void finish_step(struct apply *apply, const struct errand *errand, struct step *step,
                        const struct commit_result *result)
{
    struct place *place = step->place;
    int64_t now_ms = clock_mono_ms();

    place->n_calls--;
    apply->n_busy--;
    place_mark(apply->options.board, place);
    if (step->op != STEP_NO_OP) {
        if (result->ops[step->op].result == COMMIT_APPLIED) {
            place->wait_revision = result->ops[step->op].revision;
        }
        place->settle_ms = 0;
    } else if (errand->kind == ERRAND_START) {
        place->settle_ms =
            (errand->in_doubt ? errand->deadline_ms : now_ms) + apply->options.settle_after_ms;
        place->settle_revision = step->revision;
    } else if (errand->kind == ERRAND_SETTLE) {
        place->settle_ms = now_ms + SETTLE_AGAIN_MS;
        place->settle_revision = step->revision;
    }
}

/* The environment's trouble with ECS is logged when it changes, not at each try. AWS' texts never
 * repeat, for they name the request: its code is what tells one trouble from another. */
static void log_trouble(struct errand *errand)
{
    struct board_environment *env = errand->steps[0]->place->key.environment;
    bool failed = errand->err.code != ERR_NONE && !errand->refused;
    const char *trouble = errand->code[0] ? errand->code : errand->err.text;
    static const char *const what[] = {
        [ERRAND_START] = "start", [ERRAND_STOP] = "stop", [ERRAND_SETTLE] = "settle"};

    if (failed && (!env->trouble || !streq(env->trouble, trouble))) {
        log_warn("scheduler.call-failed", "environment=%s call=%s in_doubt=%d text=\"%s\"",
                 env->name, what[errand->kind], errand->in_doubt, errand->err.text);
        free(env->trouble);
        env->trouble = xstrdup(trouble);
    } else if (!failed && env->trouble && !errand->refused) {
        log_info("scheduler.recovered", "environment=%s", env->name);
        free(TAKE(env->trouble));
    }
}

static void finish_call(struct apply *apply, struct errand *errand,
                        const struct commit_result *result)
{
    for (size_t s = 0; s < errand->n; s++) {
        struct step *step = errand->steps[s];

        if (step->op != STEP_NO_OP && result->ops[step->op].result == COMMIT_CHANGED &&
            step->placement.state == PLACEMENT_PLACED) {
            keep_stray(apply, step);
        }
    }
    board_lock(apply->options.board);
    log_trouble(errand);
    for (size_t s = 0; s < errand->n; s++) {
        finish_step(apply, errand, errand->steps[s], result);
    }
    board_unlock(apply->options.board);
    errand_free(errand);
}

/* Drafts the answer's steps as far as they fit beside what is drafted already; gives how many. The
 * first of all fits always: a record is smaller than a commit. */
static size_t draft_errand(struct draft *draft, struct errand *errand, int64_t now_ms)
{
    for (size_t s = 0; s < errand->n; s++) {
        size_t n = draft->n;
        size_t bytes = draft->bytes;

        if (!draft_has_room(draft, STEP_OPS)) {
            return s;
        }
        draft_answer(draft, errand, errand->steps[s], now_ms);
        if (n > 0 && draft->bytes > DRAFT_BYTES_MAX) { /* the next commit's */
            draft->n = n;
            draft->bytes = bytes;
            return s;
        }
    }
    return errand->n;
}

/* Keeps the first n steps; the rest becomes an errand with the same answer. */
static struct errand *cut(struct errand *errand, size_t n)
{
    struct errand *rest = xcalloc(1, sizeof(*rest));

    *rest = *errand;
    rest->n = errand->n - n;
    rest->steps = xreallocarray(NULL, rest->n, sizeof(*rest->steps));
    memcpy(rest->steps, errand->steps + n, rest->n * sizeof(*rest->steps));
    json_incref(rest->tasks);
    json_incref(rest->failures);
    errand->n = n;
    return rest;
}

/* Moves as many of the pending answers into the draft as one commit takes. */
static void draft_pending(struct apply *apply, struct draft *draft, struct errand_list *drafted)
{
    int64_t now_ms = view_now_ms(apply->options.view);
    struct errand *errand;

    while ((errand = TAILQ_FIRST(&apply->pending))) {
        size_t n = draft_errand(draft, errand, now_ms);

        if (n == 0) {
            return;
        }
        if (n < errand->n) {
            struct errand *rest = cut(errand, n);

            TAILQ_INSERT_AFTER(&apply->pending, errand, rest, link);
        }
        TAILQ_REMOVE(&apply->pending, errand, link);
        TAILQ_INSERT_TAIL(drafted, errand, link);
    }
}

static int commit_some(struct apply *apply, struct error *err)
{
    AUTO_DRAFT draft = {0};
    struct errand_list drafted = TAILQ_HEAD_INITIALIZER(drafted);
    struct commit_result result = {0};
    struct commit commit = {.cause = "scheduler", .durable = true, .ops = draft.ops};
    struct errand *errand;

    draft_pending(apply, &draft, &drafted);
    commit.n_ops = draft.n;
    commit_id_make(commit.id);
    if (draft.n > 0 && store_commit(apply->options.store, &commit, &result, err) < 0) {
        TAILQ_CONCAT(&drafted, &apply->pending, link);
        TAILQ_CONCAT(&apply->pending, &drafted, link);
        return -1;
    }
    while ((errand = TAILQ_FIRST(&drafted))) {
        TAILQ_REMOVE(&drafted, errand, link);
        finish_call(apply, errand, &result);
    }
    return 0;
}

int apply_take_answers(struct apply *apply, struct error *err)
{
    pthread_mutex_lock(&apply->lock);
    TAILQ_CONCAT(&apply->pending, &apply->answered, link);
    pthread_mutex_unlock(&apply->lock);
    while (!TAILQ_EMPTY(&apply->pending)) {
        if (commit_some(apply, err) < 0) {
            return -1;
        }
    }
    return 0;
}
