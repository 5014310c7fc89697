/* Budget and status of deployments. */
#include "reconcile/rollouts.h"

#include <stdlib.h>

#include "reconcile/draft.h"
#include "util/log.h"
#include "util/mem.h"

/* ---- replacing ------------------------------------------------------------------------------- */

/* True when the budget is spent or nothing is left to replace, false when calls must end first. */
static bool replace(struct board *board, struct apply *apply, const struct look_tenure *tenure,
                    struct board_environment *env)
{
    size_t budget = plan_rollout(&env->counts, MIN_HEALTHY_PERCENT);
    struct place *place;

    while (budget > 0 && (place = TAILQ_FIRST(&env->replaceable))) {
        AUTO_LOOK look = {0};

        if (!apply_has_room(apply) || apply_is_full(apply)) {
            return false;
        }
        place_move(place, NULL, board);
        if (!look_at(board, place, tenure, &look)) {
            continue;
        }
        if (look.decision.act == PLAN_REPLACE) {
            apply_add(apply, place, &look);
            budget--;
        } else {
            place_mark(board, place);
        }
    }
    return true;
}

/* ---- status ---------------------------------------------------------------------------------- */

static void note(struct rollout_notes *notes, struct entity *deployment,
                 enum deployment_status status, const struct plan_counts *counts)
{
    struct rollout_note *one = xcalloc(1, sizeof(*one));

    one->deployment = entity_ref(deployment);
    one->status = status;
    one->eligible = counts->eligible;
    one->failed = counts->settled < counts->healthy ? 0 : counts->settled - counts->healthy;
    STAILQ_INSERT_TAIL(notes, one, link);
}

/* The cluster's instances are all known: none is no mistake. */
static bool is_complete(const struct board_environment *env)
{
    return env->cluster->synced_revision != 0 && plan_complete(&env->counts);
}

static void note_current(struct board *board, struct board_environment *env,
                         struct rollout_notes *notes)
{
    char key[DEPLOYMENT_KEY_LEN];
    AUTO(entity) *deployment = NULL;
    enum deployment_status status = is_complete(env) ? DEPLOYMENT_COMPLETED : DEPLOYMENT_RUNNING;

    if (env->status_revision == 0 || env->status >= status ||
        !deployment_key(env->id, env->deployment, key)) {
        return;
    }
    deployment = view_get(board->view, KIND_DEPLOYMENT, key);
    if (deployment) {
        note(notes, deployment, status, &env->counts);
    }
}

/* A deployment which a later one overtook will not come any further. */
static void note_superseded(struct board *board, struct board_environment *env,
                            struct rollout_notes *notes)
{
    AUTO_ENTITY_LIST list = {0};
    AUTO_STRBUF prefix = {0};

    env->superseded = false;
    strbuf_addf(&prefix, "%s/", env->id);
    view_list_prefix(board->view, KIND_DEPLOYMENT, prefix.text, &list);
    for (size_t i = 0; i < list.n; i++) {
        struct deployment deployment;

        deployment_read(list.items[i]->fields, &deployment);
        if (deployment.status != DEPLOYMENT_COMPLETED && !streq(deployment.id, env->deployment)) {
            note(notes, list.items[i], DEPLOYMENT_COMPLETED, &(struct plan_counts){0});
        }
    }
}

/* ---- one round ------------------------------------------------------------------------------- */

static bool is_settled(const struct board *board, const struct board_environment *env)
{
    return env->n_marked == 0 && env->wait_revision <= board->revision;
}

static bool work_off(struct board *board, struct apply *apply, const struct look_tenure *tenure,
                     struct board_environment *env, bool may_act, struct rollout_notes *notes)
{
    bool done = true;

    if (!env->alive || !env->deployment[0]) {
        return true;
    }
    if (env->superseded) {
        note_superseded(board, env, notes);
    }
    if (board_may_act(board, env)) {
        done = TAILQ_EMPTY(&env->replaceable) || (may_act && replace(board, apply, tenure, env));
        note_current(board, env, notes);
    }
    return done;
}

static void ask_drift(struct drift *drift, struct board_cluster *cluster)
{
    if (cluster->synced_revision == 0 && !cluster->sync_asked && drift) {
        cluster->sync_asked = true;
        drift_request(drift, cluster->arn);
    }
}

void rollouts_step(struct board *board, struct apply *apply, const struct look_tenure *tenure,
                   struct drift *drift, bool may_act, struct rollout_notes *notes)
{
    struct board_environment *env, *next;

    for (env = TAILQ_FIRST(&board->touched); env; env = next) {
        next = TAILQ_NEXT(env, link);
        if (env->alive) {
            ask_drift(drift, env->cluster);
        }
        if (!is_settled(board, env) || !work_off(board, apply, tenure, env, may_act, notes)) {
            continue;
        }
        env->touched = false;
        TAILQ_REMOVE(&board->touched, env, link);
        board_drop_environment(board, env);
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

static void draft_note(struct draft *draft, const struct rollout_note *note, int64_t now_ms)
{
    struct deployment deployment;

    deployment_read(note->deployment->fields, &deployment);
    deployment.status = note->status;
    deployment.completed_at_ms = note->status == DEPLOYMENT_COMPLETED ? now_ms : 0;
    draft_deployment(draft, &deployment, note->deployment->revision);
}

static void written(struct board *board, const struct rollout_note *note, int64_t revision)
{
    const char *id = entity_field(note->deployment, DEPLOYMENT_ID);
    struct board_environment *env = board_started_by(board, id);

    if (env) {
        env->wait_revision = revision;
    }
    log_info("scheduler.deployment",
             "environment=%s deployment=%s status=%s instances=%zu failed=%zu",
             env ? env->name : "", id, deployment_status_name(note->status), note->eligible,
             note->failed);
}

static void drop_notes(struct rollout_notes *notes)
{
    struct rollout_note *note;

    while ((note = STAILQ_FIRST(notes))) {
        STAILQ_REMOVE_HEAD(notes, link);
        entity_free(note->deployment);
        free(note);
    }
}

static int write_some(struct board *board, struct store *store, const char *lease_token,
                      struct rollout_notes *notes, struct error *err)
{
    AUTO_DRAFT draft = {0};
    struct rollout_note *note;
    struct commit_result result;
    struct commit commit = {.cause = "scheduler", .lease_token = lease_token, .ops = draft.ops};

    STAILQ_FOREACH(note, notes, link)
    {
        if (!draft_has_room(&draft, 1)) {
            break;
        }
        draft_note(&draft, note, view_now_ms(board->view));
    }
    commit.n_ops = draft.n;
    commit_id_make(commit.id);
    if (store_commit(store, &commit, &result, err) < 0) {
        return -1;
    }
    if (result.outcome != COMMIT_DONE) {
        return error_set(err, ERR_CONFLICT, "the lease is lost");
    }
    board_lock(board);
    for (size_t o = 0; o < draft.n; o++) {
        note = STAILQ_FIRST(notes);
        STAILQ_REMOVE_HEAD(notes, link);
        if (result.ops[o].result == COMMIT_APPLIED) {
            written(board, note, result.ops[o].revision);
        }
        entity_free(note->deployment);
        free(note);
    }
    board_unlock(board);
    return 0;
}

/* The touched mark is gone: after a failure every environment is looked at again. */
static void touch_again(struct board *board, struct rollout_notes *notes)
{
    struct rollout_note *note;

    board_lock(board);
    STAILQ_FOREACH(note, notes, link)
    {
        struct board_environment *env =
            board_started_by(board, entity_field(note->deployment, DEPLOYMENT_ID));

        if (env) {
            env->superseded = true;
            board_touch(board, env);
        }
    }
    board_unlock(board);
}

int rollouts_write(struct board *board, struct store *store, const char *lease_token,
                   struct rollout_notes *notes, struct error *err)
{
    int status = 0;

    while (status == 0 && !STAILQ_EMPTY(notes)) {
        status = write_some(board, store, lease_token, notes, err);
    }
    if (status < 0) {
        touch_again(board, notes);
        drop_notes(notes);
    }
    return status;
}
