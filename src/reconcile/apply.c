/* Decisions out: the placements are committed, then ECS is called. */
#include "reconcile/apply.h"

#include <stdlib.h>

#include "reconcile/draft.h"
#include "reconcile/errands.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define BUSY_MAX  1280 /* starts and stops at once: 128 full StartTask calls */
#define STEPS_MAX 4096 /* decisions of one round */
#define STEPS_PER_COMMIT                                                                           \
    (COMMIT_OPS_MAX / 2) /* 8 KB each: the longest names, and some tasks named */

static void free_steps(struct step_list *list)
{
    struct step *step;

    while ((step = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, step, link);
        step_free(step);
    }
}

struct apply *apply_open(const struct apply_options *options, struct error *err)
{
    AUTO(apply) *apply = xcalloc(1, sizeof(*apply));

    apply->options = *options;
    TAILQ_INIT(&apply->acting);
    TAILQ_INIT(&apply->noting);
    TAILQ_INIT(&apply->settling);
    TAILQ_INIT(&apply->answered);
    TAILQ_INIT(&apply->pending);
    pthread_mutex_init(&apply->lock, NULL);
    apply->settler = settler_open(options->aws, err);
    return apply->settler ? TAKE(apply) : NULL;
}

void apply_free(struct apply *apply)
{
    struct errand *errand;

    if (!apply) {
        return;
    }
    settler_free(apply->settler);
    TAILQ_CONCAT(&apply->pending, &apply->answered, link);
    while ((errand = TAILQ_FIRST(&apply->pending))) {
        TAILQ_REMOVE(&apply->pending, errand, link);
        errand_free(errand);
    }
    free_steps(&apply->acting);
    free_steps(&apply->noting);
    free_steps(&apply->settling);
    pthread_mutex_destroy(&apply->lock);
    free(apply);
}

/* ---- taking down ----------------------------------------------------------------------------- */

bool apply_has_room(const struct apply *apply)
{
    return apply->n_busy + apply->n_steps < BUSY_MAX;
}

bool apply_is_full(const struct apply *apply)
{
    return apply->n_steps >= STEPS_MAX;
}

void apply_stop_listing(struct apply *apply)
{
    settler_stop(apply->settler);
}

bool apply_is_idle(const struct apply *apply)
{
    return apply->n_busy == 0;
}

size_t apply_n_busy(const struct apply *apply)
{
    return apply->n_busy;
}

enum aws_class apply_class(const struct place *place, const struct look *look)
{
    bool active = place->key.instance->status == PLAN_INSTANCE_ACTIVE;

    if (look->outdated && active) {
        return AWS_ROLLING;
    }
    if (look->decision.act == PLAN_START) {
        return !look->placement                                                    ? AWS_PLACING
               : streq(entity_field(look->placement, PLACEMENT_STATE), "stopping") ? AWS_ROLLING
                                                                                   : AWS_HEALING;
    }
    return AWS_HEALING;
}

/* The decision found a task dead which nobody had asked to stop. */
static bool is_crash(const struct look *look)
{
    return look->placement && streq(look->decision.reason, REASON_CRASHED) &&
           streq(entity_field(look->placement, PLACEMENT_STATE), "placed") &&
           look->decision.state != PLACEMENT_PLACED && look->decision.state != PLACEMENT_STOPPING;
}

void apply_add(struct apply *apply, struct place *place, const struct look *look)
{
    struct step *step = step_new(place, look, apply_class(place, look));

    metric_add(METRIC_SCHEDULER_DECISIONS, look->decision.act, 1);
    if (is_crash(look)) {
        metric_add(METRIC_SCHEDULER_FAILURES,
                   metric_value_of(METRIC_SCHEDULER_FAILURES, 0, REASON_CRASHED), 1);
    }
    switch (step->act) {
    case PLAN_STOP: /* counts as down from now on */
        place_count(apply->options.board, place, place->eligible, false, place->settled);
        TAILQ_INSERT_TAIL(&apply->acting, step, link);
        break;
    case PLAN_START:
        TAILQ_INSERT_TAIL(&apply->acting, step, link);
        break;
    case PLAN_SETTLE:
        TAILQ_INSERT_TAIL(&apply->settling, step, link);
        break;
    default:
        TAILQ_INSERT_TAIL(&apply->noting, step, link);
    }
    apply->n_steps++;
}

/* ---- commit ---------------------------------------------------------------------------------- */

static void draft_step(struct draft *draft, struct step *step, const char *token, int64_t now_ms)
{
    const struct placement *placement = &step->placement;

    step->op = draft->n;
    if (step->act == PLAN_END) {
        draft_drop_placement(draft, placement->environment, placement->instance, step->revision);
        return;
    }
    step_set_lease(step, token);
    step_set_state(step, placement->state, now_ms);
    draft_placement(draft, placement, step->revision);
}

/* The step will not be carried out; its place is looked at again when the view has changed, or
 * at once. */
static void drop_step(struct apply *apply, struct step *step, bool at_once)
{
    if (at_once) {
        board_lock(apply->options.board);
        place_mark(apply->options.board, step->place);
        board_unlock(apply->options.board);
    }
    step_free(step);
}

static void drop_steps(struct apply *apply, struct step **steps, size_t n)
{
    for (size_t s = 0; s < n; s++) {
        drop_step(apply, steps[s], true);
    }
}

/* Repeats the commit without the placement that stood in its way. */
static int commit_without_conflicts(struct apply *apply, struct step **steps, size_t *n,
                                    struct draft *draft, struct commit *commit,
                                    struct commit_result *result, struct error *err)
{
    for (;;) {
        commit_id_make(commit->id);
        commit->n_ops = draft->n;
        if (store_commit(apply->options.store, commit, result, err) < 0) {
            return -1;
        }
        if (result->outcome != COMMIT_CONFLICT) {
            return 0;
        }
        size_t op = result->conflict_op;

        drop_step(apply, steps[op], false);
        memmove(&steps[op], &steps[op + 1], (*n - op - 1) * sizeof(*steps));
        --*n;
        for (size_t s = op; s < *n; s++) {
            steps[s]->op--;
        }
        draft_remove(draft, op);
        if (*n == 0) {
            result->outcome = COMMIT_DONE;
            return 0;
        }
    }
}

static size_t n_calls(const struct step *step)
{
    size_t n = 1;

    for (const char *c = step->stop; *c; c++) {
        n += *c == ',';
    }
    return n;
}

/* The steps which were written stay in `steps`; of them the place waits until the view shows it. */
static void keep_written(struct apply *apply, struct step **steps, size_t *n, bool acts,
                         const struct commit_result *result)
{
    size_t kept = 0;

    board_lock(apply->options.board);
    for (size_t s = 0; s < *n; s++) {
        struct step *step = steps[s];

        if (result->ops[step->op].result != COMMIT_APPLIED) {
            step_free(step);
            continue;
        }
        step->revision = result->ops[step->op].revision;
        step->place->wait_revision = step->revision;
        if (step->act == PLAN_ADOPT) {
            step->place->settle_ms = 0;
        }
        if (acts) {
            step->place->n_calls += (int)n_calls(step);
        }
        steps[kept++] = step;
    }
    board_unlock(apply->options.board);
    *n = kept;
}

/* Writes up to STEPS_PER_COMMIT placements. Steps which are not written are freed. */
static enum apply_outcome commit_steps(struct apply *apply, struct step **steps, size_t *n,
                                       bool acts, const char *token, struct error *err)
{
    AUTO_DRAFT draft = {0};
    struct commit_result result;
    int64_t now_ms = view_now_ms(apply->options.view);
    struct commit commit = {
        .cause = "scheduler",
        .lease_token = token,
        .acts = acts,
        .durable = true,
        .ops = draft.ops,
    };

    for (size_t s = 0; s < *n; s++) {
        draft_step(&draft, steps[s], token, now_ms);
    }
    if (commit_without_conflicts(apply, steps, n, &draft, &commit, &result, err) < 0) {
        drop_steps(apply, steps, *n);
        return APPLY_FAILED;
    }
    if (result.outcome != COMMIT_DONE) {
        drop_steps(apply, steps, *n);
        return result.outcome == COMMIT_NO_LEASE ? APPLY_NO_LEASE : APPLY_FROZEN;
    }
    keep_written(apply, steps, n, acts, &result);
    return APPLY_DONE;
}

/* ---- a round --------------------------------------------------------------------------------- */

static int by_call(const void *a, const void *b)
{
    const struct step *x = *(struct step *const *)a;
    const struct step *y = *(struct step *const *)b;

    if (x->class != y->class) {
        return x->class < y->class ? -1 : 1;
    }
    if (x->place->key.environment != y->place->key.environment) {
        return x->place->key.environment < y->place->key.environment ? -1 : 1;
    }
    return strcmp(x->placement.deployment, y->placement.deployment);
}

/* Empties the list into an array, what belongs to one call side by side. */
static struct step **take_steps(struct apply *apply, struct step_list *list, size_t *n)
{
    struct step **steps = xreallocarray(NULL, apply->n_steps + 1, sizeof(*steps));
    struct step *step;

    *n = 0;
    while ((step = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, step, link);
        steps[(*n)++] = step;
    }
    qsort(steps, *n, sizeof(*steps), by_call);
    return steps;
}

static enum apply_outcome run_list(struct apply *apply, struct step_list *list, bool acts,
                                   const char *token, struct error *err)
{
    size_t n;
    struct step **steps = take_steps(apply, list, &n);
    enum apply_outcome outcome = APPLY_DONE;

    for (size_t s = 0; s < n; s += STEPS_PER_COMMIT) {
        size_t some = n - s < STEPS_PER_COMMIT ? n - s : STEPS_PER_COMMIT;

        if (outcome != APPLY_DONE) {
            drop_steps(apply, &steps[s], some);
            continue;
        }
        outcome = commit_steps(apply, &steps[s], &some, acts, token, err);
        if (outcome == APPLY_DONE && acts) {
            errands_call(apply, &steps[s], some, token);
        } else if (outcome == APPLY_DONE) {
            for (size_t i = 0; i < some; i++) {
                step_free(steps[s + i]);
            }
        }
    }
    free(steps);
    return outcome;
}

static void run_settling(struct apply *apply)
{
    size_t n;
    struct step **steps = take_steps(apply, &apply->settling, &n);

    board_lock(apply->options.board);
    for (size_t s = 0; s < n; s++) {
        steps[s]->place->n_calls++;
    }
    board_unlock(apply->options.board);
    errands_list(apply, steps, n);
    free(steps);
}

enum apply_outcome apply_run(struct apply *apply, const char *lease_token, struct error *err)
{
    enum apply_outcome acted = run_list(apply, &apply->acting, true, lease_token, err);
    enum apply_outcome noted = run_list(apply, &apply->noting, false, lease_token, err);

    run_settling(apply);
    apply->n_steps = 0;
    return acted != APPLY_DONE ? acted : noted;
}
