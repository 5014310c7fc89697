/* The scheduler's loop: answers, tenure, looking, acting. */
#include "reconcile/scheduler.h"

#include <pthread.h>
#include <stdlib.h>

#include "reconcile/apply.h"
#include "reconcile/look.h"
#include "reconcile/rollouts.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define COALESCE_MS   10 /* rounds begin at least so far apart; the first change waits for none */
#define SWEEP_MS      30000 /* everything is looked at again, should anything have been missed */
#define RETRY_MS      500   /* after the store did not answer */
#define FROZEN_MS     5000  /* between looks whether a freeze is over */
#define LOOK_CHUNK    500   /* places looked at before the follower's thread gets its turn */
#define STOP_GRACE_MS 2000  /* beyond CALL_TIMEOUT_MS, for the last commit */

struct scheduler {
    struct scheduler_options options;
    struct apply *apply;
    pthread_t thread;
    bool stopping; /* under the board's lock */

    bool holding;           /* a tenure has begun */
    bool deciding;          /* and the view has reached its beginning */
    int64_t ready_revision; /* which the view has to reach before the first decision of it */
    struct look_tenure tenure;

    int64_t hold_until_ms;   /* monotonic; the store did not answer: nothing is done before */
    int64_t frozen_until_ms; /* monotonic; nothing is started or stopped before */
    int64_t sweep_at_ms;     /* monotonic */
    int64_t epoch;           /* the last one heard of */
    char trouble[256];       /* with the store, as logged; "" when all is well */
};

/* ---- trouble --------------------------------------------------------------------------------- */

static void store_fails(struct scheduler *scheduler, const struct error *err)
{
    scheduler->hold_until_ms = clock_mono_ms() + RETRY_MS;
    if (!streq(scheduler->trouble, err->text)) {
        memcpy(scheduler->trouble, err->text, sizeof(scheduler->trouble));
        log_warn("scheduler.waiting", "text=\"%s\"", err->text);
    }
}

static void store_works(struct scheduler *scheduler)
{
    if (scheduler->trouble[0]) {
        scheduler->trouble[0] = '\0';
        log_info("scheduler.going-on", "%s", "");
    }
}

static void frozen(struct scheduler *scheduler)
{
    if (scheduler->frozen_until_ms == 0) {
        log_info("scheduler.frozen", "%s", "");
    }
    scheduler->frozen_until_ms = clock_mono_ms() + FROZEN_MS;
}

static bool is_frozen(struct scheduler *scheduler)
{
    return clock_mono_ms() < scheduler->frozen_until_ms;
}

/* ---- tenure ---------------------------------------------------------------------------------- */

/* The view must have seen everything the predecessor wrote; its calls may still take effect until
 * their deadline, and listings show that settle_after later. */
static int begin_tenure(struct scheduler *scheduler, const char *token, struct error *err)
{
    const struct scheduler_options *options = &scheduler->options;
    int64_t revision;

    if (store_revision(options->store, &revision, err) < 0) {
        return -1;
    }
    memcpy(scheduler->tenure.token, token, LEASE_TOKEN_LEN);
    scheduler->tenure.settle_ms = clock_mono_ms() + CALL_TIMEOUT_MS + options->settle_after_ms;
    scheduler->ready_revision = revision;
    scheduler->holding = true;
    log_info("scheduler.took-over", "revision=%lld", (long long)revision);
    board_lock(options->board);
    board_mark_all(options->board);
    board_unlock(options->board);
    return 0;
}

/* Whether decisions may be made now. */
static bool may_decide(struct scheduler *scheduler)
{
    struct board *board = scheduler->options.board;
    struct error err = {0};
    char token[LEASE_TOKEN_LEN];
    bool ready;

    if (!lease_held(scheduler->options.lease, token)) {
        if (scheduler->holding) {
            log_info("scheduler.handed-over", "%s", "");
        }
        scheduler->holding = false;
        return false;
    }
    if (!scheduler->holding || !streq(token, scheduler->tenure.token)) {
        if (begin_tenure(scheduler, token, &err) < 0) {
            store_fails(scheduler, &err);
            return false;
        }
    }
    board_lock(board);
    ready = board->revision != 0 && board->revision >= scheduler->ready_revision;
    board_unlock(board);
    return ready;
}

/* ---- looking --------------------------------------------------------------------------------- */

static bool may_act_in(const struct board *board, const struct place *place)
{
    return board_may_act(board, place->key.environment);
}

static struct place_list *queue_for(struct board *board, struct place *place,
                                    const struct look *look)
{
    switch (look->decision.act) {
    case PLAN_WAIT:
        return NULL;
    case PLAN_REPLACE:
        return &place->key.environment->replaceable;
    case PLAN_START:
    case PLAN_STOP:
        switch (apply_class(place, look)) {
        case AWS_PLACING:
            return &board->ready[READY_PLACE];
        case AWS_ROLLING:
            return &board->ready[READY_ROLL];
        default:
            return &board->ready[READY_HEAL];
        }
    default:
        return &board->ready[READY_NOTE];
    }
}

/* Nothing is to be done there, and perhaps nothing is there at all. */
static void leave(struct board *board, struct place *place, const struct look *look)
{
    struct board_environment *env = place->key.environment;

    if (look_is_empty(place, look)) {
        place_free(board, place);
        if (!env->alive) {
            board_touch(board, env);
        }
    }
}

static void look_at_one(struct scheduler *scheduler, struct place *place)
{
    struct board *board = scheduler->options.board;
    struct place_list *queue;
    AUTO_LOOK look = {0};

    place_move(place, NULL, board);
    if (!look_at(board, place, &scheduler->tenure, &look)) {
        return;
    }
    queue = may_act_in(board, place) ? queue_for(board, place, &look) : NULL;
    place_move(place, queue, board);
    if (queue == &place->key.environment->replaceable) {
        board_touch(board, place->key.environment);
    } else if (!queue) {
        leave(board, place, &look);
    }
}

/* Works off the marked places; the lock is given away between chunks. */
static void look_around(struct scheduler *scheduler)
{
    struct board *board = scheduler->options.board;
    struct place *place;

    for (int n = 1; (place = TAILQ_FIRST(&board->marked)); n++) {
        look_at_one(scheduler, place);
        if (n % LOOK_CHUNK == 0) {
            board_unlock(board);
            board_lock(board);
        }
    }
}

/* ---- acting ---------------------------------------------------------------------------------- */

/* Looks once more at what is ready, for the view may have moved on since, and takes it down. */
static void take_down(struct scheduler *scheduler, enum ready ready)
{
    struct board *board = scheduler->options.board;
    struct apply *apply = scheduler->apply;
    struct place *place;

    while ((place = TAILQ_FIRST(&board->ready[ready])) && !apply_is_full(apply) &&
           (ready == READY_NOTE || apply_has_room(apply))) {
        AUTO_LOOK look = {0};

        place_move(place, NULL, board);
        if (!look_at(board, place, &scheduler->tenure, &look) || !may_act_in(board, place)) {
            continue;
        }
        if (queue_for(board, place, &look) == &board->ready[ready]) {
            apply_add(apply, place, &look);
        } else if (look.decision.act == PLAN_WAIT) {
            leave(board, place, &look);
        } else {
            place_mark(board, place);
        }
    }
}

static void carry_out(struct scheduler *scheduler, struct rollout_notes *notes)
{
    struct error err = {0};

    switch (apply_run(scheduler->apply, scheduler->tenure.token, &err)) {
    case APPLY_DONE:
        if (!is_frozen(scheduler)) {
            scheduler->frozen_until_ms = 0;
        }
        break;
    case APPLY_NO_LEASE: /* the lease' own thread will find out */
        scheduler->hold_until_ms = clock_mono_ms() + RETRY_MS;
        break;
    case APPLY_FROZEN:
        frozen(scheduler);
        break;
    case APPLY_FAILED:
        store_fails(scheduler, &err);
        break;
    }
    error_clear(&err);
    if (rollouts_write(scheduler->options.board, scheduler->options.store, scheduler->tenure.token,
                       notes, &err) < 0) {
        store_fails(scheduler, &err);
    }
}

/* One round: everything marked is looked at, and what is to be done is done. */
static void round_of_decisions(struct scheduler *scheduler)
{
    int64_t began_us = clock_mono_us();
    struct board *board = scheduler->options.board;
    struct rollout_notes notes = STAILQ_HEAD_INITIALIZER(notes);
    bool may_act = !is_frozen(scheduler);

    board_lock(board);
    look_around(scheduler);
    take_down(scheduler, READY_NOTE);
    for (int r = READY_HEAL; may_act && r < READY_COUNT; r++) {
        take_down(scheduler, (enum ready)r);
    }
    rollouts_step(board, scheduler->apply, &scheduler->tenure, scheduler->options.drift, may_act,
                  &notes);
    board_unlock(board);
    carry_out(scheduler, &notes);
    metric_observe_us(METRIC_SCHEDULER_ROUND_DURATION, 0, clock_mono_us() - began_us);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void note_epoch(struct scheduler *scheduler)
{
    struct board *board = scheduler->options.board;
    int64_t epoch;

    board_lock(board);
    epoch = board->epoch_revision;
    board_unlock(board);
    if (epoch == scheduler->epoch) {
        return;
    }
    if (scheduler->epoch != 0) { /* the first is history: clusters synced since then are fine */
        log_warn("scheduler.epoch",
                 "text=\"writes may be lost: nothing starts or stops before a drift pass\"");
        if (scheduler->options.drift) {
            drift_request(scheduler->options.drift, NULL);
        }
    }
    scheduler->epoch = epoch;
}

static void work(struct scheduler *scheduler)
{
    struct error err = {0};

    if (clock_mono_ms() < scheduler->hold_until_ms) {
        return;
    }
    if (apply_take_answers(scheduler->apply, &err) < 0) {
        store_fails(scheduler, &err);
        return;
    }
    note_epoch(scheduler);
    scheduler->deciding = may_decide(scheduler);
    if (scheduler->deciding) {
        round_of_decisions(scheduler);
    }
    if (clock_mono_ms() >= scheduler->hold_until_ms) {
        store_works(scheduler);
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 ? b : b == 0 ? a : a < b ? a : b;
}

/* Runs the timers; gives the time by which the loop must turn again. With the lock held. */
static int64_t next_turn(struct scheduler *scheduler)
{
    struct board *board = scheduler->options.board;
    int64_t now_ms = clock_mono_ms();
    int64_t next_ms;

    if (now_ms >= scheduler->sweep_at_ms) {
        scheduler->sweep_at_ms = now_ms + SWEEP_MS;
        board_mark_all(board);
    }
    next_ms = board_run_timers(board, now_ms);
    if (now_ms < scheduler->hold_until_ms) {
        return scheduler->hold_until_ms;
    }
    if (scheduler->deciding && !TAILQ_EMPTY(&board->marked)) {
        board_wake(board);
    }
    next_ms = earlier(next_ms, scheduler->sweep_at_ms);
    return is_frozen(scheduler) ? earlier(next_ms, scheduler->frozen_until_ms) : next_ms;
}

static bool is_stopping(struct scheduler *scheduler)
{
    bool stopping;

    board_lock(scheduler->options.board);
    stopping = scheduler->stopping;
    board_unlock(scheduler->options.board);
    return stopping;
}

/* What is under way gets its answer, and the answer its commit. */
static void finish(struct scheduler *scheduler)
{
    struct board *board = scheduler->options.board;
    int64_t until_ms = clock_mono_ms() + CALL_TIMEOUT_MS + STOP_GRACE_MS;
    struct error err = {0};

    apply_stop_listing(scheduler->apply);
    while (!apply_is_idle(scheduler->apply) && clock_mono_ms() < until_ms) {
        error_clear(&err);
        if (apply_take_answers(scheduler->apply, &err) < 0) {
            clock_sleep_ms(RETRY_MS);
            continue;
        }
        if (!apply_is_idle(scheduler->apply)) {
            board_lock(board);
            board_sleep(board, until_ms);
            board_unlock(board);
        }
    }
}

static void *scheduler_main(void *ctx)
{
    struct scheduler *scheduler = ctx;
    struct board *board = scheduler->options.board;

    pthread_setname_np(pthread_self(), "scheduler");
    while (!is_stopping(scheduler)) {
        int64_t began_ms = clock_mono_ms();

        metric_mark(METRIC_LOOP_AGE, LOOP_SCHEDULER);
        work(scheduler);
        metric_set(METRIC_SCHEDULER_UNDER_WAY, 0, (double)apply_n_busy(scheduler->apply));
        board_lock(board);
        board_sleep(board, next_turn(scheduler));
        board_unlock(board);
        clock_sleep_ms(began_ms + COALESCE_MS - clock_mono_ms());
    }
    finish(scheduler);
    return NULL;
}

struct scheduler *scheduler_open(const struct scheduler_options *options, struct error *err)
{
    struct scheduler *scheduler = xcalloc(1, sizeof(*scheduler));

    scheduler->options = *options;
    if (!scheduler->options.settle_after_ms) {
        scheduler->options.settle_after_ms = SETTLE_AFTER_MS;
    }
    scheduler->apply = apply_open(
        &(struct apply_options){
            .aws = options->aws,
            .store = options->store,
            .view = options->view,
            .lease = options->lease,
            .board = options->board,
            .settle_after_ms = scheduler->options.settle_after_ms,
        },
        err);
    if (scheduler->apply &&
        pthread_create(&scheduler->thread, NULL, scheduler_main, scheduler) != 0) {
        error_set(err, ERR_INTERNAL, "cannot start the scheduler's thread");
        apply_free(TAKE(scheduler->apply));
    }
    if (!scheduler->apply) {
        free(scheduler);
        return NULL;
    }
    return scheduler;
}

void scheduler_free(struct scheduler *scheduler)
{
    if (!scheduler) {
        return;
    }
    board_lock(scheduler->options.board);
    scheduler->stopping = true;
    board_wake(scheduler->options.board);
    board_unlock(scheduler->options.board);
    pthread_join(scheduler->thread, NULL);
    apply_free(scheduler->apply);
    free(scheduler);
}
