/* The rules of one instance: DRAINING, crashes, surplus copies, replacements, starts in doubt. */
#include "plan/instance.h"

#include "plan/backoff.h"
#include "util/attr.h"

/* What the tasks of the placement amount to. */
struct sum {
    size_t keep;     /* the copy that stays, or PLAN_KEEP_NONE */
    size_t live;     /* not yet STOPPED */
    size_t to_stop;  /* live, nobody asked them to stop, and not the one that stays */
    bool running;    /* one that nobody asked to stop is RUNNING */
    bool ran;        /* when all have stopped: the last of them had been RUNNING */
    bool ran_stably; /* and that for long enough */
};

/* Of the copies of the current deployment the oldest RUNNING one stays, else the oldest. */
static bool better_copy(const struct plan_task *a, const struct plan_task *b)
{
    if (a->running != b->running) {
        return a->running;
    }
    return a->created_at_ms < b->created_at_ms;
}

static void sum_up(const struct plan_place *place, struct sum *sum)
{
    const struct plan_task *last = NULL;

    *sum = (struct sum){.keep = PLAN_KEEP_NONE};
    for (size_t t = 0; t < place->n_tasks; t++) {
        const struct plan_task *task = &place->tasks[t];

        if (!last || task->created_at_ms >= last->created_at_ms) {
            last = task;
        }
        if (!task->live) {
            continue;
        }
        sum->live++;
        if (!task->wanted) {
            continue;
        }
        sum->to_stop++;
        sum->running |= task->running;
        if (task->current &&
            (sum->keep == PLAN_KEEP_NONE || better_copy(task, &place->tasks[sum->keep]))) {
            sum->keep = t;
        }
    }
    if (sum->keep != PLAN_KEEP_NONE) {
        sum->to_stop--;
    }
    if (last && sum->live == 0 && last->started_at_ms) {
        int64_t until_ms = last->stopped_at_ms ? last->stopped_at_ms : place->now_ms;

        sum->ran = true;
        sum->ran_stably = until_ms - last->started_at_ms >= PLAN_STABLE_MS;
    }
}

/* A task may be started here. */
static bool startable(const struct plan_place *place)
{
    return place->deployed && place->status == PLAN_INSTANCE_ACTIVE && place->connected;
}

/* A task should be here. A disconnected instance cannot get one, but keeps the one it has. */
static bool eligible(const struct plan_place *place, const struct sum *sum)
{
    return startable(place) ||
           (place->deployed && place->status == PLAN_INSTANCE_ACTIVE && sum->live > 0 &&
            place->now_ms < place->disconnected_at_ms + PLAN_AGENT_GRACE_MS);
}

static void wait_until(struct plan_decision *out, int64_t at_ms)
{
    out->act = PLAN_WAIT;
    if (!out->look_again_ms || at_ms < out->look_again_ms) {
        out->look_again_ms = at_ms;
    }
}

static void act(struct plan_decision *out, enum plan_act what, enum placement_state state)
{
    out->act = what;
    out->state = state;
    out->retry_at_ms = 0;
}

static void start(const struct plan_place *place, struct plan_decision *out)
{
    act(out, PLAN_START, PLACEMENT_STARTING);
    if (place->outdated) { /* a new deployment begins with a clean record */
        out->reason = "";
        out->failures = 0;
    }
}

static void plan_starting(const struct plan_place *place, struct plan_decision *out)
{
    if (place->claimant) {
        act(out, PLAN_ADOPT, PLACEMENT_PLACED);
    } else if (place->doubt == PLAN_IN_DOUBT) {
        if (place->now_ms >= place->settle_at_ms) {
            act(out, PLAN_SETTLE, PLACEMENT_STARTING);
        } else {
            wait_until(out, place->settle_at_ms);
        }
    } else if (startable(place)) {
        start(place, out);
    } else {
        out->act = PLAN_END;
    }
}

static void plan_waiting(const struct plan_place *place, const struct sum *sum,
                         struct plan_decision *out)
{
    if (!place->deployed || place->status == PLAN_INSTANCE_GONE ||
        place->status == PLAN_INSTANCE_DRAINING) {
        out->act = PLAN_END;
    } else if (place->claimant) {
        act(out, PLAN_ADOPT, PLACEMENT_PLACED);
    } else if (sum->live > 0) { /* an answer which came late named it */
        act(out, PLAN_NOTE, PLACEMENT_PLACED);
    } else if (startable(place)) {
        if (place->outdated || place->now_ms >= place->retry_at_ms) {
            start(place, out);
        } else {
            wait_until(out, place->retry_at_ms);
        }
    }
}

/* None of our tasks lives any more. Stopped by us, the place is free; otherwise it is a failure,
 * and only a task which had run may come back at once, once. */
static void plan_stopped(const struct plan_place *place, const struct sum *sum,
                         struct plan_decision *out)
{
    if (!place->deployed || place->status == PLAN_INSTANCE_GONE ||
        place->status == PLAN_INSTANCE_DRAINING) {
        out->act = PLAN_END;
        return;
    }
    if (place->state == PLACEMENT_STOPPING || place->outdated) {
        if (startable(place)) {
            start(place, out);
        }
        return;
    }
    out->reason = REASON_CRASHED;
    out->failures = sum->ran_stably ? 1 : place->failures + 1;
    if (sum->ran && out->failures == 1 && startable(place)) {
        act(out, PLAN_START, PLACEMENT_STARTING);
        return;
    }
    act(out, PLAN_NOTE, PLACEMENT_WAITING);
    out->retry_at_ms = backoff_until_ms(place->now_ms, out->failures, place->random);
}

static void stop(const struct plan_place *place, const struct sum *sum, enum plan_act how,
                 struct plan_decision *out)
{
    int64_t again_ms = place->retry_at_ms ? place->retry_at_ms : place->at_ms + PLAN_STOP_AGAIN_MS;

    if (place->state == PLACEMENT_STOPPING && !place->inherited && place->now_ms < again_ms) {
        wait_until(out, again_ms);
        return;
    }
    act(out, how, PLACEMENT_STOPPING);
    out->keep = sum->keep;
}

static void plan_draining(const struct plan_place *place, struct sum *sum,
                          struct plan_decision *out)
{
    int64_t due_ms = place->draining_at_ms + PLAN_DRAIN_TIMEOUT_MS;

    if (place->foreign && place->now_ms < due_ms) {
        wait_until(out, due_ms);
        return;
    }
    if (sum->keep != PLAN_KEEP_NONE) { /* none stays */
        sum->keep = PLAN_KEEP_NONE;
        sum->to_stop++;
    }
    if (sum->to_stop > 0) {
        stop(place, sum, PLAN_STOP, out);
    }
}

/* The right copy is there and alone. */
static void plan_covered(const struct plan_place *place, const struct plan_task *task,
                         struct plan_decision *out)
{
    bool crashed = streq(place->reason, REASON_CRASHED);
    int64_t well_ms = task->started_at_ms + (crashed ? PLAN_STABLE_MS : 0);

    if (place->reason[0] && task->running && place->now_ms >= well_ms) {
        act(out, PLAN_NOTE, PLACEMENT_PLACED);
        out->reason = "";
        out->failures = crashed ? 0 : place->failures;
    } else if (place->state == PLACEMENT_STOPPING) {
        act(out, PLAN_NOTE, PLACEMENT_PLACED);
    } else if (place->reason[0] && task->running) {
        wait_until(out, well_ms);
    }
}

static void plan_tasks(const struct plan_place *place, struct sum *sum, struct plan_decision *out)
{
    if (place->claimant && place->status != PLAN_INSTANCE_GONE) {
        act(out, PLAN_ADOPT, PLACEMENT_PLACED); /* and then "exactly one" sees it */
    } else if (sum->live == 0) {
        plan_stopped(place, sum, out);
    } else if (place->status == PLAN_INSTANCE_DRAINING) {
        plan_draining(place, sum, out);
    } else if (place->status != PLAN_INSTANCE_ACTIVE || !place->deployed) {
        return;
    } else if (sum->keep != PLAN_KEEP_NONE) {
        if (sum->to_stop > 0) {
            stop(place, sum, PLAN_STOP, out);
        } else {
            plan_covered(place, &place->tasks[sum->keep], out);
        }
    } else if (sum->to_stop > 0 && place->connected) {
        bool free = !sum->running || place->state == PLACEMENT_STOPPING; /* counted as down */

        stop(place, sum, free ? PLAN_STOP : PLAN_REPLACE, out);
    }
}

void plan_instance(const struct plan_place *place, struct plan_decision *out)
{
    struct sum sum;
    bool calm = place->placed && place->state != PLACEMENT_STOPPING;

    sum_up(place, &sum);
    *out = (struct plan_decision){
        .act = PLAN_WAIT,
        .keep = PLAN_KEEP_NONE,
        .eligible = eligible(place, &sum),
        .state = place->state,
        .reason = place->placed ? place->reason : "",
        .failures = place->failures,
        .retry_at_ms = place->retry_at_ms,
    };
    if (out->eligible) {
        bool covered = sum.keep != PLAN_KEEP_NONE && place->tasks[sum.keep].running;

        out->healthy = calm && sum.running;
        out->settled = (calm && covered) || (place->placed && !place->outdated && place->reason[0]);
        if (!place->connected) { /* sum.live > 0: it counts until then */
            out->look_again_ms = place->disconnected_at_ms + PLAN_AGENT_GRACE_MS;
        }
    }
    if (place->busy) {
        return;
    }
    if (!place->placed) {
        if (startable(place)) {
            act(out, place->claimant ? PLAN_ADOPT : PLAN_START,
                place->claimant ? PLACEMENT_PLACED : PLACEMENT_STARTING);
        }
        return;
    }
    switch (place->state) {
    case PLACEMENT_STARTING:
        plan_starting(place, out);
        break;
    case PLACEMENT_WAITING:
        plan_waiting(place, &sum, out);
        break;
    case PLACEMENT_PLACED:
    case PLACEMENT_STOPPING:
        plan_tasks(place, &sum, out);
        break;
    }
}
