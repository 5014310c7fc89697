/* The budget of a rollout, and the plan as a whole: fleets of made-up instances which are driven by
 * the plan until nothing is left to do. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "plan/instance.h"
#include "plan/rollout.h"
#include "util/attr.h"

static void test_budget(void **state)
{
    static const struct {
        const char *name;
        struct plan_counts counts;
        int percent;
        size_t want;
    } cases[] = {
        {"five with 60 % healthy: two at once", {5, 5, 0}, 60, 2},
        {"two are down: no third", {5, 3, 0}, 60, 0},
        {"one came back: one more", {5, 4, 0}, 60, 1},
        {"three joined empty: they are down too", {8, 3, 0}, 60, 0},
        {"three of eight may be down", {8, 6, 0}, 60, 1},
        {"one instance may always go", {1, 1, 0}, 50, 1},
        {"rounded down", {3, 3, 0}, 50, 1},
        {"at least one", {3, 3, 0}, 99, 1},
        {"a hundred percent needs a second copy first", {5, 5, 0}, 100, 0},
        {"already below: nothing healthy goes", {10, 2, 0}, 50, 0},
        {"zero percent: all at once", {10, 10, 0}, 0, 10},
        {"no instance, nothing to stop", {0, 0, 0}, 50, 1},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        size_t got = plan_rollout(&cases[c].counts, cases[c].percent);

        if (got != cases[c].want) {
            fail_msg("%s: want %zu, got %zu", cases[c].name, cases[c].want, got);
        }
    }
}

static void test_complete(void **state)
{
    (void)state;
    assert_true(plan_complete(&(struct plan_counts){0, 0, 0}));
    assert_true(plan_complete(&(struct plan_counts){3, 2, 3}));
    assert_false(plan_complete(&(struct plan_counts){3, 3, 2}));
}

/* ---- a made-up fleet ------------------------------------------------------------------------- */

#define PLACES_MAX 12
#define TASKS_MAX  64
#define STEP_MS    1000

struct made_up_task {
    bool live, wanted, running;
    int deployment;
    int64_t created_at_ms, started_at_ms, stopped_at_ms;
    bool ours; /* the placement names it */
};

struct made_up_place {
    enum plan_instance_status status;
    bool connected;
    int64_t disconnected_at_ms, draining_at_ms;
    bool placed;
    enum placement_state state;
    int deployment;
    bool in_flight; /* ECS has not answered */
    bool lost;      /* its answer never comes: in doubt */
    int happens_in; /* steps until the start takes effect; 0: never, or it has */
    int64_t settle_at_ms;
    char reason[16];
    int64_t failures, retry_at_ms, at_ms;
    struct made_up_task tasks[TASKS_MAX];
    size_t n_tasks;
    struct plan_decision decision;
};

struct fleet {
    struct made_up_place places[PLACES_MAX];
    size_t n;
    int deployment;
    int percent;
    int64_t now_ms;
    unsigned seed;
    bool faults; /* crashes, lost answers, failing starts */
    struct plan_counts counts;
};

static bool chance(struct fleet *fleet, int percent)
{
    return fleet->faults && rand_r(&fleet->seed) % 100 < percent;
}

static void decide(struct fleet *fleet, struct made_up_place *at)
{
    struct plan_task tasks[TASKS_MAX];
    struct plan_place place = {
        .now_ms = fleet->now_ms,
        .random = (uint32_t)rand_r(&fleet->seed),
        .deployed = true,
        .status = at->status,
        .connected = at->connected,
        .disconnected_at_ms = at->disconnected_at_ms,
        .draining_at_ms = at->draining_at_ms,
        .placed = at->placed,
        .state = at->state,
        .busy = at->in_flight && !at->lost,
        .outdated = at->deployment != fleet->deployment,
        .doubt = at->lost ? PLAN_IN_DOUBT : PLAN_SURE,
        .settle_at_ms = at->settle_at_ms,
        .reason = at->reason,
        .failures = at->failures,
        .retry_at_ms = at->retry_at_ms,
        .at_ms = at->at_ms,
        .tasks = tasks,
    };

    for (size_t t = 0; t < at->n_tasks; t++) {
        struct made_up_task *task = &at->tasks[t];

        if (!task->ours) {
            place.claimant |= task->live && task->deployment == at->deployment;
            continue;
        }
        tasks[place.n_tasks++] = (struct plan_task){
            .live = task->live,
            .wanted = task->wanted,
            .running = task->running,
            .current = task->deployment == fleet->deployment,
            .created_at_ms = task->created_at_ms,
            .started_at_ms = task->started_at_ms,
            .stopped_at_ms = task->stopped_at_ms,
        };
    }
    plan_instance(&place, &at->decision);
    fleet->counts.eligible += at->decision.eligible;
    fleet->counts.healthy += at->decision.healthy;
    fleet->counts.settled += at->decision.settled;
}

static void write_down(struct fleet *fleet, struct made_up_place *at)
{
    at->placed = true;
    at->state = at->decision.state;
    snprintf(at->reason, sizeof(at->reason), "%s", at->decision.reason);
    at->failures = at->decision.failures;
    at->retry_at_ms = at->decision.retry_at_ms;
    at->at_ms = fleet->now_ms;
    at->deployment = fleet->deployment;
}

static void stop(struct made_up_place *at)
{
    size_t n = 0; /* the plan counted our tasks only */

    for (size_t t = 0; t < at->n_tasks; t++) {
        if (at->tasks[t].ours && n++ != at->decision.keep) {
            at->tasks[t].wanted = false;
        }
    }
}

static void forget_old_tasks(struct made_up_place *at)
{
    for (size_t t = 0; t < at->n_tasks; t++) {
        at->tasks[t].ours = false;
    }
}

static void settle(struct fleet *fleet, struct made_up_place *at)
{
    assert_int_equal(at->happens_in, 0); /* settled too early */
    at->lost = at->in_flight = false;
    at->state = PLACEMENT_WAITING;
    at->failures++;
    at->retry_at_ms = fleet->now_ms;
    snprintf(at->reason, sizeof(at->reason), REASON_START_LOST);
}

static void carry_out(struct fleet *fleet, struct made_up_place *at, size_t *budget)
{
    switch (at->decision.act) {
    case PLAN_START:
        forget_old_tasks(at);
        write_down(fleet, at);
        at->in_flight = true;
        at->lost = chance(fleet, 10);
        at->happens_in = !at->lost ? 1 : chance(fleet, 50) ? 1 + rand_r(&fleet->seed) % 4 : 0;
        at->settle_at_ms = fleet->now_ms + 5 * STEP_MS;
        break;
    case PLAN_REPLACE:
        if (*budget == 0) {
            break;
        }
        --*budget;
        /* fallthrough */
    case PLAN_STOP:
        stop(at);
        write_down(fleet, at);
        break;
    case PLAN_ADOPT:
        for (size_t t = 0; t < at->n_tasks; t++) {
            at->tasks[t].ours |= at->tasks[t].live;
        }
        write_down(fleet, at);
        at->lost = at->in_flight = false;
        break;
    case PLAN_SETTLE:
        settle(fleet, at);
        break;
    case PLAN_NOTE:
        write_down(fleet, at);
        break;
    case PLAN_END:
        at->placed = false;
        at->deployment = 0;
        at->failures = 0;
        at->reason[0] = '\0';
        forget_old_tasks(at);
        break;
    case PLAN_WAIT:
        break;
    }
}

static void plan(struct fleet *fleet)
{
    fleet->counts = (struct plan_counts){0};
    for (size_t p = 0; p < fleet->n; p++) {
        decide(fleet, &fleet->places[p]);
    }
    size_t budget = plan_rollout(&fleet->counts, fleet->percent);

    for (size_t p = 0; p < fleet->n; p++) {
        carry_out(fleet, &fleet->places[p], &budget);
    }
}

/* What ECS and the agents do in a second. */
static void world(struct fleet *fleet)
{
    for (size_t p = 0; p < fleet->n; p++) {
        struct made_up_place *at = &fleet->places[p];

        for (size_t t = 0; t < at->n_tasks; t++) {
            struct made_up_task *task = &at->tasks[t];

            if (!task->live) {
                continue;
            }
            if (!task->wanted || chance(fleet, 2)) {
                task->live = task->wanted = task->running = false;
                task->stopped_at_ms = fleet->now_ms;
            } else if (!task->running) {
                task->running = true;
                task->started_at_ms = fleet->now_ms;
            }
        }
        if (at->happens_in > 0 && --at->happens_in == 0) {
            assert_true(at->n_tasks < TASKS_MAX);
            at->tasks[at->n_tasks++] = (struct made_up_task){.live = true,
                                                             .wanted = true,
                                                             .deployment = at->deployment,
                                                             .created_at_ms = fleet->now_ms,
                                                             .ours = !at->lost};
            if (!at->lost) {
                at->in_flight = false;
                at->state = PLACEMENT_PLACED;
            }
        }
    }
}

static void check(const struct fleet *fleet)
{
    for (size_t p = 0; p < fleet->n; p++) {
        int live = 0;

        for (size_t t = 0; t < fleet->places[p].n_tasks; t++) {
            live += fleet->places[p].tasks[t].live;
        }
        assert_in_range(live, 0, 1); /* never two */
    }
}

static size_t count(const struct fleet *fleet, bool running_only, int deployment)
{
    size_t n = 0;

    for (size_t p = 0; p < fleet->n; p++) {
        for (size_t t = 0; t < fleet->places[p].n_tasks; t++) {
            const struct made_up_task *task = &fleet->places[p].tasks[t];

            n += task->live && task->wanted && (task->running || !running_only) &&
                 (!deployment || task->deployment == deployment);
        }
    }
    return n;
}

static void step(struct fleet *fleet)
{
    plan(fleet);
    check(fleet);
    world(fleet);
    check(fleet);
    fleet->now_ms += STEP_MS;
}

static void join(struct fleet *fleet, size_t n)
{
    for (; n > 0; n--) {
        fleet->places[fleet->n++] = (struct made_up_place){.connected = true};
    }
}

static void init(struct fleet *fleet, size_t n, int percent)
{
    *fleet = (struct fleet){.deployment = 1, .percent = percent, .now_ms = 1000000};
    join(fleet, n);
}

static void settle_down(struct fleet *fleet)
{
    for (int i = 0; i < 600 && !(count(fleet, true, fleet->deployment) == fleet->n &&
                                 plan_complete(&fleet->counts));
         i++) {
        step(fleet);
    }
    assert_int_equal(count(fleet, true, fleet->deployment), fleet->n);
    assert_int_equal(count(fleet, false, 0), fleet->n);
}

/* Five have their task and at least 60 % of them keep it, when the second deployment begins. */
static void begin_second(struct fleet *fleet)
{
    init(fleet, 5, 60);
    settle_down(fleet);
    fleet->deployment = 2;
    plan(fleet);
}

static void test_terminate_then_replace(void **state)
{
    struct fleet fleet;

    (void)state;
    begin_second(&fleet);
    assert_int_equal(count(&fleet, true, 0), 3); /* two at once */
    for (int i = 0; i < 100; i++) {
        step(&fleet);
        assert_true(count(&fleet, true, 0) >= 3);
    }
    assert_int_equal(count(&fleet, true, 2), 5);
    assert_true(plan_complete(&fleet.counts));
}

static void test_instances_join_in_the_middle(void **state)
{
    struct fleet fleet;

    (void)state;
    begin_second(&fleet);
    join(&fleet, 3);
    plan(&fleet);
    assert_int_equal(count(&fleet, true, 1), 3); /* nothing else stops: 3 of 8 are healthy */
    for (size_t p = 5; p < 8; p++) {
        assert_true(fleet.places[p].in_flight); /* but the new ones get their task at once */
    }
    world(&fleet);
    plan(&fleet);
    assert_int_equal(count(&fleet, true, 1), 3); /* three more are PENDING: still 3 of 8 */
    for (int i = 0; i < 100; i++) {
        size_t before = count(&fleet, true, 0);

        step(&fleet);
        /* 60 % of eight is 4.8: three may be down */
        assert_true(count(&fleet, true, 0) >= 5 || count(&fleet, true, 0) >= before);
    }
    assert_int_equal(count(&fleet, true, 2), 8);
}

/* Anything happens at any time; afterwards there is one task of the last deployment on each. */
static void one_life(unsigned seed)
{
    struct fleet fleet;

    init(&fleet, 1 + seed % 8, 50);
    fleet.seed = seed;
    fleet.faults = true;
    for (int i = 0; i < 40; i++) {
        if (chance(&fleet, 5)) {
            fleet.deployment++;
        }
        if (fleet.n < PLACES_MAX && chance(&fleet, 5)) {
            join(&fleet, 1);
        }
        struct made_up_place *at = &fleet.places[(size_t)rand_r(&fleet.seed) % fleet.n];

        if (chance(&fleet, 10)) {
            at->connected = !at->connected;
            at->disconnected_at_ms = fleet.now_ms;
        }
        if (chance(&fleet, 10)) {
            at->status =
                at->status == PLAN_INSTANCE_ACTIVE ? PLAN_INSTANCE_DRAINING : PLAN_INSTANCE_ACTIVE;
            at->draining_at_ms = fleet.now_ms;
        }
        step(&fleet);
    }
    fleet.faults = false;
    for (size_t p = 0; p < fleet.n; p++) {
        fleet.places[p].connected = true;
        fleet.places[p].status = PLAN_INSTANCE_ACTIVE;
    }
    settle_down(&fleet);
}

static void test_any_life_ends_well(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 500; seed++) {
        one_life(seed);
    }
}

/* The budget holds against every mishap of others: what we stop never takes the number of healthy
 * instances below it. */
static void test_we_never_exceed_the_budget(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++) {
        struct fleet fleet;

        init(&fleet, 10, 50);
        settle_down(&fleet);
        fleet.seed = seed;
        fleet.faults = true;
        fleet.deployment = 2;
        for (int i = 0; i < 40; i++) {
            size_t before = count(&fleet, true, 0);

            plan(&fleet);
            size_t after = count(&fleet, true, 0);

            assert_true(after == before || after >= 5);
            world(&fleet);
            fleet.now_ms += STEP_MS;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_terminate_then_replace),
        cmocka_unit_test(test_instances_join_in_the_middle),
        cmocka_unit_test(test_any_life_ends_well),
        cmocka_unit_test(test_we_never_exceed_the_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
