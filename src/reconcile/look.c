/* From the view's entities to the plan's facts. */
#include "reconcile/look.h"

#include <stdlib.h>

#include "model/placement.h"
#include "util/clock.h"
#include "util/crypto.h"
#include "util/mem.h"

void look_clear(struct look *look)
{
    entity_free(look->placement);
    entity_free(look->claimant);
    for (size_t t = 0; t < look->n_tasks; t++) {
        entity_free(look->tasks[t]);
    }
    free(look->tasks);
    *look = (struct look){0};
}

static bool is_live(const struct entity *task)
{
    return task && !streq(entity_field(task, TASK_LAST_STATUS), "STOPPED");
}

/* ---- the tasks of a placement ---------------------------------------------------------------- */

static struct entity *get_placement(struct board *board, const struct place *place)
{
    AUTO_STRBUF key = {0};

    placement_key(place->key.environment->id, place->key.instance->arn, &key);
    return view_get(board->view, KIND_PLACEMENT, key.text);
}

/* Calls `each` for every task ARN of the list. */
static void each_task(const char *tasks, void (*each)(void *ctx, const char *arn), void *ctx)
{
    AUTO_CHAR *list = xstrdup(tasks);
    char *rest = list;

    while (rest && *rest) {
        each(ctx, strsep(&rest, ","));
    }
}

struct fetch {
    struct board *board;
    struct look *look;
};

static void fetch_task(void *ctx, const char *arn)
{
    struct fetch *fetch = ctx;
    struct look *look = fetch->look;

    look->tasks = xreallocarray(look->tasks, look->n_tasks + 1, sizeof(*look->tasks));
    look->tasks[look->n_tasks++] = view_get(fetch->board->view, KIND_TASK, arn);
}

struct tally {
    struct board *board;
    int64_t n_live;
};

static void tally_task(void *ctx, const char *arn)
{
    struct tally *tally = ctx;
    AUTO(entity) *task = view_get(tally->board->view, KIND_TASK, arn);

    tally->n_live += is_live(task);
}

/* Whether a task lives on the instance which belongs to no placement. */
static bool foreign_tasks(struct board *board, const struct board_instance *instance)
{
    struct tally tally = {board, 0};
    struct place *place;

    TAILQ_FOREACH(place, &instance->places, of_instance)
    {
        AUTO(entity) *placement = get_placement(board, place);

        if (placement) {
            each_task(entity_field(placement, PLACEMENT_TASKS), tally_task, &tally);
        }
    }
    return instance->n_live > tally.n_live;
}

/* ---- facts ----------------------------------------------------------------------------------- */

static void task_fact(const struct entity *task, const struct board_environment *env,
                      struct plan_task *out)
{
    *out = (struct plan_task){0};
    if (task) {
        out->live = is_live(task);
        out->wanted = streq(entity_field(task, TASK_DESIRED_STATUS), "RUNNING");
        out->running = streq(entity_field(task, TASK_LAST_STATUS), "RUNNING");
        out->current = streq(entity_field(task, TASK_STARTED_BY), env->deployment);
        out->created_at_ms = entity_field_int(task, TASK_CREATED_AT_MS);
        out->started_at_ms = entity_field_int(task, TASK_STARTED_AT_MS);
        out->stopped_at_ms = entity_field_int(task, TASK_STOPPED_AT_MS);
    }
}

/* Anybody can write startedBy, so beside tasks we know a claimant counts only where it can hardly
 * be anybody's: it is older than all of them. Then it is a start of ours which was forgotten. */
static bool is_forgotten_start(const struct look *look, const struct entity *task)
{
    int64_t created_at_ms = entity_field_int(task, TASK_CREATED_AT_MS);

    for (size_t t = 0; t < look->n_tasks; t++) {
        if (look->tasks[t] &&
            entity_field_int(look->tasks[t], TASK_CREATED_AT_MS) < created_at_ms) {
            return false;
        }
    }
    return created_at_ms != 0;
}

/* The claimant, if it still is one: alive, on this instance, in no placement of ours, and where a
 * start is in doubt, that start's. */
static struct entity *claimant(struct board *board, struct place *place,
                               const struct placement *placement, const struct look *look)
{
    AUTO(entity) *task = NULL;

    if (!place->claimant) {
        return NULL;
    }
    task = view_get(board->view, KIND_TASK, place->claimant);
    if (!is_live(task) || (placement && placement_owns(placement, place->claimant))) {
        free(TAKE(place->claimant));
        return NULL;
    }
    if (placement && placement->state == PLACEMENT_STARTING &&
        !streq(entity_field(task, TASK_STARTED_BY), placement->deployment)) {
        return NULL;
    }
    return look->n_tasks == 0 || is_forgotten_start(look, task) ? TAKE(task) : NULL;
}

/* Whether the start's call was sent, and from when a listing may say that it had no effect. What we
 * remember of a start of ours says nothing of one which somebody else made since. */
static void doubt_facts(const struct place *place, const struct look *look,
                        const struct look_tenure *tenure, struct plan_place *facts)
{
    bool ours = streq(entity_field(look->placement, PLACEMENT_LEASE), tenure->token) ||
                (place->settle_ms && place->settle_revision == look->placement->revision);
    int64_t settle_ms = ours ? place->settle_ms : tenure->settle_ms;

    if (settle_ms) { /* else no call was made: the commit's answer was lost */
        facts->doubt = PLAN_IN_DOUBT;
        facts->settle_at_ms = facts->now_ms - clock_mono_ms() + settle_ms;
    }
}

static void placement_facts(struct place *place, const struct placement *placement,
                            const struct look_tenure *tenure, struct look *look,
                            struct plan_place *facts)
{
    const struct board_environment *env = place->key.environment;

    facts->placed = true;
    facts->state = placement->state;
    facts->outdated = !streq(placement->deployment, env->deployment);
    facts->inherited = !streq(placement->lease, tenure->token);
    facts->reason = placement->reason;
    facts->failures = placement->failures;
    facts->retry_at_ms = placement->retry_at_ms;
    facts->at_ms = placement->at_ms;
    if (placement->state == PLACEMENT_STARTING) {
        doubt_facts(place, look, tenure, facts);
    }
    look->outdated = facts->outdated;
}

static void instance_facts(struct board *board, const struct board_instance *instance,
                           struct plan_place *facts)
{
    facts->status = instance->status;
    facts->connected = instance->connected;
    facts->disconnected_at_ms = instance->disconnected_at_ms;
    facts->draining_at_ms = instance->draining_at_ms;
    if (instance->status == PLAN_INSTANCE_DRAINING) {
        facts->foreign = foreign_tasks(board, instance);
    }
}

/* ---- decision -------------------------------------------------------------------------------- */

static void decide(struct board *board, struct place *place, const struct look_tenure *tenure,
                   struct look *look)
{
    const struct board_environment *env = place->key.environment;
    struct placement placement;
    struct plan_place facts = {
        .now_ms = view_now_ms(board->view),
        .deployed = env->alive && env->status_revision != 0,
        .busy = place->n_calls > 0,
    };
    struct fetch fetch = {board, look};

    crypto_random(&facts.random, sizeof(facts.random));
    instance_facts(board, place->key.instance, &facts);
    if (look->placement) {
        placement_read(look->placement->fields, &placement);
        placement_facts(place, &placement, tenure, look, &facts);
        each_task(placement.tasks, fetch_task, &fetch);
    }
    look->claimant = claimant(board, place, look->placement ? &placement : NULL, look);
    facts.claimant = look->claimant != NULL;

    struct plan_task *tasks = xcalloc(look->n_tasks + 1, sizeof(*tasks));

    for (size_t t = 0; t < look->n_tasks; t++) {
        task_fact(look->tasks[t], env, &tasks[t]);
    }
    facts.tasks = tasks;
    facts.n_tasks = look->n_tasks;
    plan_instance(&facts, &look->decision);
    free(tasks);
}

/* A deleted environment's placements are dropped; its tasks go on. */
static void decide_dead(struct look *look)
{
    look->decision = (struct plan_decision){
        .act = look->placement ? PLAN_END : PLAN_WAIT,
        .keep = PLAN_KEEP_NONE,
        .reason = "",
    };
}

bool look_at(struct board *board, struct place *place, const struct look_tenure *tenure,
             struct look *out)
{
    *out = (struct look){0};
    if (place->wait_revision > board->revision) {
        place_move(place, &board->parked, board);
        return false;
    }
    out->placement = get_placement(board, place);
    if (place->key.environment->alive) {
        decide(board, place, tenure, out);
    } else if (place->n_calls > 0) {
        return true;
    } else {
        decide_dead(out);
    }
    const struct plan_decision *decision = &out->decision;

    place_count(board, place, decision->eligible, decision->healthy, decision->settled);
    place_set_timer(board, place,
                    decision->look_again_ms
                        ? clock_mono_ms() + decision->look_again_ms - view_now_ms(board->view) + 1
                        : 0);
    return true;
}

bool look_is_empty(const struct place *place, const struct look *look)
{
    const struct board_instance *instance = place->key.instance;

    return !look->placement && !look->claimant && place->n_calls == 0 &&
           (!place->key.environment->alive || instance->status == PLAN_INSTANCE_GONE);
}
