/* What one instance needs: each rule a row, told by the decision it leads to. */
#include "test.h"

#include "plan/instance.h"
#include "util/attr.h"
#include "util/strbuf.h"

#define NOW       1000000000
#define LONG_AGO  (NOW - 100 * PLAN_STABLE_MS)
#define JUST_NOW  (NOW - 1000)
#define STOPPED   .live = false
#define LIVE      .live = true, .wanted = true
#define STOPPING_ .live = true, .wanted = false
#define RUNNING   LIVE, .running = true
#define CURRENT   .current = true
#define TASKS(...)                                                                                 \
    .tasks = (const struct plan_task[]){__VA_ARGS__},                                              \
    .n_tasks = sizeof((const struct plan_task[]){__VA_ARGS__}) / sizeof(struct plan_task)
#define NOTHING_KNOWN .deployed = true, .connected = true
#define PLACED_(what) NOTHING_KNOWN, .placed = true, .state = PLACEMENT_##what, .reason = ""
#define FAILED(what)  NOTHING_KNOWN, .placed = true, .state = PLACEMENT_##what

/* "<act>[ keep=<n>] <counters> [<reason>/<failures>][ again]": the counters are e(ligible),
 * h(ealthy), s(ettled) or -; the reason where the act writes the placement. */
static const struct {
    const char *name;
    struct plan_place place;
    const char *want;
} cases[] = {
    /* an empty instance */
    {"an empty instance gets a task", {NOTHING_KNOWN}, "start e-- /0"},
    {"nothing is started without a deployment", {.connected = true}, "wait ---"},
    {"a disconnected agent gets no start", {.deployed = true}, "wait ---"},
    {"a DRAINING instance gets no start",
     {NOTHING_KNOWN, .status = PLAN_INSTANCE_DRAINING},
     "wait ---"},
    {"an INACTIVE instance gets no start",
     {NOTHING_KNOWN, .status = PLAN_INSTANCE_GONE},
     "wait ---"},
    {"a REGISTERING instance gets no start",
     {NOTHING_KNOWN, .status = PLAN_INSTANCE_OTHER},
     "wait ---"},
    {"a live task of ours without a placement is named, not doubled",
     {NOTHING_KNOWN, .claimant = true},
     "adopt e-- /0"},

    /* starting */
    {"a start under way is waited for", {PLACED_(STARTING), .busy = true}, "wait e--"},
    {"a start which was never sent is sent", {PLACED_(STARTING)}, "start e-- /0"},
    {"a start which was never sent is forgotten when the instance is gone",
     {PLACED_(STARTING), .status = PLAN_INSTANCE_GONE},
     "end ---"},
    {"a start in doubt keeps the instance occupied",
     {PLACED_(STARTING), .doubt = PLAN_IN_DOUBT, .settle_at_ms = NOW + 1},
     "wait e-- again"},
    {"a start in doubt is settled by a listing when it is time",
     {PLACED_(STARTING), .doubt = PLAN_IN_DOUBT, .settle_at_ms = NOW},
     "settle e--"},
    {"a start in doubt is settled by the task itself",
     {PLACED_(STARTING), .doubt = PLAN_IN_DOUBT, .settle_at_ms = NOW + 1, .claimant = true},
     "adopt e-- /0"},
    {"a start in doubt on an instance which is gone is still settled",
     {PLACED_(STARTING), .doubt = PLAN_IN_DOUBT, .status = PLAN_INSTANCE_GONE},
     "settle ---"},
    {"a start in doubt of an earlier deployment is settled before the next",
     {PLACED_(STARTING), .doubt = PLAN_IN_DOUBT, .outdated = true, .settle_at_ms = NOW + 1},
     "wait e-- again"},

    /* placed */
    {"a task which is coming up is left alone",
     {PLACED_(PLACED), TASKS({LIVE, CURRENT})},
     "wait e--"},
    {"a RUNNING task is all there is to want",
     {PLACED_(PLACED), TASKS({RUNNING, CURRENT})},
     "wait ehs"},
    {"of two copies the oldest RUNNING one stays",
     {PLACED_(PLACED),
      TASKS({LIVE, CURRENT, .created_at_ms = 1}, {RUNNING, CURRENT, .created_at_ms = 3},
            {RUNNING, CURRENT, .created_at_ms = 2})},
     "stop keep=2 ehs /0"},
    {"of two copies neither RUNNING the oldest stays",
     {PLACED_(PLACED),
      TASKS({LIVE, CURRENT, .created_at_ms = 2}, {LIVE, CURRENT, .created_at_ms = 1})},
     "stop keep=1 e-- /0"},
    {"a copy which is stopping already needs no second order",
     {PLACED_(PLACED), TASKS({RUNNING, CURRENT}, {STOPPING_, CURRENT})},
     "wait ehs"},
    {"a task which somebody else stops occupies the instance until it is STOPPED",
     {PLACED_(PLACED), TASKS({STOPPING_, CURRENT, .running = true})},
     "wait e--"},
    {"a start which was forgotten and made again is named, so that it can be stopped",
     {PLACED_(PLACED), .claimant = true, TASKS({RUNNING, CURRENT})},
     "adopt ehs /0"},
    {"also where its fellow is being stopped",
     {PLACED_(STOPPING), .claimant = true, .at_ms = JUST_NOW, TASKS({STOPPING_, .running = true})},
     "adopt e-- /0"},
    {"on an instance which is gone it is left alone",
     {PLACED_(PLACED), .claimant = true, .status = PLAN_INSTANCE_GONE, TASKS({RUNNING, CURRENT})},
     "wait ---"},
    {"a task on a disconnected instance is kept and counts for a while",
     {.deployed = true,
      .placed = true,
      .state = PLACEMENT_PLACED,
      .reason = "",
      .disconnected_at_ms = NOW - PLAN_AGENT_GRACE_MS + 1,
      TASKS({RUNNING, CURRENT})},
     "wait ehs again"},
    {"after the grace period it does not count, and is still kept",
     {.deployed = true,
      .placed = true,
      .state = PLACEMENT_PLACED,
      .reason = "",
      .disconnected_at_ms = NOW - PLAN_AGENT_GRACE_MS,
      TASKS({RUNNING, CURRENT})},
     "wait ---"},

    /* crashed */
    {"a task which ran for long comes back at once",
     {PLACED_(PLACED), TASKS({STOPPED, CURRENT, .started_at_ms = LONG_AGO, .stopped_at_ms = NOW})},
     "start e-- CRASHED/1"},
    {"a task which ran at all comes back at once, the first time",
     {PLACED_(PLACED), TASKS({STOPPED, CURRENT, .started_at_ms = JUST_NOW, .stopped_at_ms = NOW})},
     "start e-- CRASHED/1"},
    {"the second crash in a row is waited for",
     {FAILED(PLACED), .reason = "CRASHED", .failures = 1,
      TASKS({STOPPED, CURRENT, .started_at_ms = JUST_NOW, .stopped_at_ms = NOW})},
     "note=waiting e-s CRASHED/2"},
    {"having run for long makes good for earlier crashes",
     {FAILED(PLACED), .reason = "", .failures = 7,
      TASKS({STOPPED, CURRENT, .started_at_ms = LONG_AGO, .stopped_at_ms = NOW})},
     "start e-- CRASHED/1"},
    {"a task which never ran is no crash to hurry after",
     {PLACED_(PLACED), TASKS({STOPPED, CURRENT, .stopped_at_ms = NOW})},
     "note=waiting e-- CRASHED/1"},
    {"a task nobody knows any more counts as stopped",
     {PLACED_(PLACED), TASKS({STOPPED})},
     "note=waiting e-- CRASHED/1"},
    {"the last task decides whether it ran",
     {PLACED_(PLACED),
      TASKS({STOPPED, CURRENT, .created_at_ms = 2},
            {STOPPED, CURRENT, .created_at_ms = 1, .started_at_ms = 5, .stopped_at_ms = NOW})},
     "note=waiting e-- CRASHED/1"},
    {"a crash on a disconnected instance waits for its agent",
     {.deployed = true,
      .placed = true,
      .state = PLACEMENT_PLACED,
      .reason = "",
      TASKS({STOPPED, CURRENT, .started_at_ms = JUST_NOW, .stopped_at_ms = NOW})},
     "note=waiting --- CRASHED/1"},
    {"a crash on an instance which is gone ends the placement",
     {PLACED_(PLACED), .status = PLAN_INSTANCE_GONE, TASKS({STOPPED, CURRENT})},
     "end ---"},

    /* well again */
    {"a RUNNING task clears what kept it from starting",
     {FAILED(PLACED), .reason = "AGENT", .failures = 2,
      TASKS({RUNNING, CURRENT, .started_at_ms = NOW})},
     "note=placed ehs /2"},
    {"a crash is not forgiven before the task has been stable",
     {FAILED(PLACED), .reason = "CRASHED", .failures = 2,
      TASKS({RUNNING, CURRENT, .started_at_ms = NOW - PLAN_STABLE_MS + 1})},
     "wait ehs again"},
    {"a crash is forgiven when the task has been stable",
     {FAILED(PLACED), .reason = "CRASHED", .failures = 2,
      TASKS({RUNNING, CURRENT, .started_at_ms = NOW - PLAN_STABLE_MS})},
     "note=placed ehs /0"},
    {"a task which is still coming up forgives nothing",
     {FAILED(PLACED), .reason = "AGENT", .failures = 2, TASKS({LIVE, CURRENT})},
     "wait e-s"},

    /* waiting */
    {"back-off is waited for",
     {FAILED(WAITING), .reason = "RESOURCE:CPU", .failures = 3, .retry_at_ms = NOW + 1},
     "wait e-s again"},
    {"after the back-off the start is tried again, with its record",
     {FAILED(WAITING), .reason = "RESOURCE:CPU", .failures = 3, .retry_at_ms = NOW},
     "start e-s RESOURCE:CPU/3"},
    {"a new deployment does not wait for the old one's back-off",
     {FAILED(WAITING), .reason = "CRASHED", .failures = 3, .retry_at_ms = NOW + 1,
      .outdated = true},
     "start e-- /0"},
    {"back-off on a disconnected instance waits for the agent",
     {.deployed = true, .placed = true, .state = PLACEMENT_WAITING, .reason = "AGENT"},
     "wait ---"},
    {"back-off on a DRAINING instance is over",
     {FAILED(WAITING), .reason = "AGENT", .status = PLAN_INSTANCE_DRAINING},
     "end ---"},
    {"back-off on an instance which is gone is over",
     {FAILED(WAITING), .reason = "MISSING", .status = PLAN_INSTANCE_GONE},
     "end ---"},
    {"a task which a late answer named while waiting is not doubled",
     {FAILED(WAITING), .reason = "START-LOST", .failures = 1, TASKS({RUNNING, CURRENT})},
     "note=placed ehs START-LOST/1"},
    {"a start believed lost which shows up after all is named, not doubled",
     {FAILED(WAITING), .reason = "START-LOST", .failures = 1, .claimant = true},
     "adopt e-s START-LOST/1"},

    /* replacing */
    {"a healthy old task is replaced as the budget allows",
     {PLACED_(PLACED), .outdated = true, TASKS({RUNNING})},
     "replace eh- /0"},
    {"an old task which does not run is stopped at once: it counts as down already",
     {PLACED_(PLACED), .outdated = true, TASKS({LIVE})},
     "stop e-- /0"},
    {"an old task on a disconnected instance stays until its agent is back",
     {.deployed = true,
      .placed = true,
      .state = PLACEMENT_PLACED,
      .reason = "",
      .outdated = true,
      .disconnected_at_ms = NOW,
      TASKS({RUNNING})},
     "wait eh- again"},
    {"an old task beside the right one stops",
     {PLACED_(PLACED), TASKS({RUNNING}, {RUNNING, CURRENT})},
     "stop keep=1 ehs /0"},
    {"a replacement waits for the old task's end",
     {PLACED_(STOPPING), .at_ms = JUST_NOW, TASKS({STOPPING_, .running = true})},
     "wait e--"},
    {"when the old task is gone the new one starts",
     {PLACED_(STOPPING), TASKS({STOPPED})},
     "start e-- /0"},
    {"an order to stop is under way and not repeated",
     {PLACED_(STOPPING), .busy = true, TASKS({RUNNING})},
     "wait e--"},
    {"an order to stop without effect is repeated after a while",
     {PLACED_(STOPPING), .at_ms = NOW - PLAN_STOP_AGAIN_MS, TASKS({RUNNING})},
     "stop e-- /0"},
    {"but not earlier",
     {PLACED_(STOPPING), .at_ms = NOW - PLAN_STOP_AGAIN_MS + 1, TASKS({RUNNING})},
     "wait e-- again"},
    {"an order to stop which a predecessor may not have given is given at once",
     {PLACED_(STOPPING), .inherited = true, .at_ms = JUST_NOW, TASKS({RUNNING})},
     "stop e-- /0"},
    {"an order to stop which failed is repeated after its back-off",
     {FAILED(STOPPING), .reason = "ServerException", .failures = 1, .retry_at_ms = NOW,
      .at_ms = JUST_NOW, TASKS({RUNNING})},
     "stop e-s ServerException/1"},
    {"with the surplus gone the placement is placed again",
     {PLACED_(STOPPING), TASKS({RUNNING, CURRENT}, {STOPPED, CURRENT})},
     "note=placed e-- /0"},

    /* draining */
    {"on a DRAINING instance ours stays while others live there",
     {PLACED_(PLACED), .status = PLAN_INSTANCE_DRAINING, .foreign = true,
      .draining_at_ms = JUST_NOW, TASKS({RUNNING, CURRENT})},
     "wait --- again"},
    {"it stops after the last of the others",
     {PLACED_(PLACED), .status = PLAN_INSTANCE_DRAINING, .draining_at_ms = JUST_NOW,
      TASKS({RUNNING, CURRENT})},
     "stop --- /0"},
    {"it stops after the drain timeout whatever else lives there",
     {PLACED_(PLACED), .status = PLAN_INSTANCE_DRAINING, .foreign = true,
      .draining_at_ms = NOW - PLAN_DRAIN_TIMEOUT_MS, TASKS({RUNNING, CURRENT})},
     "stop --- /0"},
    {"it is told so once",
     {PLACED_(STOPPING), .status = PLAN_INSTANCE_DRAINING, .at_ms = JUST_NOW,
      TASKS({STOPPING_, CURRENT, .running = true})},
     "wait ---"},
    {"when it is gone the placement ends",
     {PLACED_(STOPPING), .status = PLAN_INSTANCE_DRAINING, TASKS({STOPPED, CURRENT})},
     "end ---"},
    {"DRAINING taken back, the task that was not stopped stays",
     {PLACED_(PLACED), .draining_at_ms = JUST_NOW, TASKS({RUNNING, CURRENT})},
     "wait ehs"},

    /* gone */
    {"on an instance which is gone nothing is stopped",
     {PLACED_(PLACED), .status = PLAN_INSTANCE_GONE, TASKS({RUNNING, CURRENT})},
     "wait ---"},
    {"the placement there ends with its tasks",
     {PLACED_(PLACED), .status = PLAN_INSTANCE_GONE, TASKS({STOPPED, CURRENT})},
     "end ---"},
};

static void spell(const struct plan_decision *d, struct strbuf *out)
{
    static const char *const acts[] = {"wait",  "start",  "stop", "replace",
                                       "adopt", "settle", "note", "end"};

    strbuf_add_text(out, acts[d->act]);
    if (d->act == PLAN_NOTE) {
        strbuf_addf(out, "=%s", placement_state_name(d->state));
    }
    if (d->keep != PLAN_KEEP_NONE) {
        strbuf_addf(out, " keep=%zu", d->keep);
    }
    strbuf_addf(out, " %c%c%c", d->eligible ? 'e' : '-', d->healthy ? 'h' : '-',
                d->settled ? 's' : '-');
    if (d->act != PLAN_WAIT && d->act != PLAN_SETTLE && d->act != PLAN_END) {
        strbuf_addf(out, " %s/%d", d->reason, (int)d->failures);
    }
    if (d->act == PLAN_WAIT && d->look_again_ms) {
        strbuf_add_text(out, " again");
    }
}

static void test_plan_instance(void **state)
{
    int wrong = 0;

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct plan_place place = cases[c].place;
        struct plan_decision decision;
        AUTO_STRBUF got = {0};

        place.now_ms = NOW;
        plan_instance(&place, &decision);
        spell(&decision, &got);
        if (!streq(got.text, cases[c].want)) {
            print_error("%s: want \"%s\", got \"%s\"\n", cases[c].name, cases[c].want, got.text);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void test_when_to_look_again(void **state)
{
    struct plan_place place = {PLACED_(STARTING), .now_ms = NOW, .doubt = PLAN_IN_DOUBT,
                               .settle_at_ms = NOW + 5};
    struct plan_decision decision;

    (void)state;
    plan_instance(&place, &decision);
    assert_int_equal(decision.look_again_ms, NOW + 5);
}

static void test_a_failure_says_when_to_try_again(void **state)
{
    struct plan_place place = {PLACED_(PLACED), .now_ms = NOW, TASKS({STOPPED, CURRENT})};
    struct plan_decision decision;

    (void)state;
    plan_instance(&place, &decision);
    assert_in_range(decision.retry_at_ms, NOW + 500, NOW + 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_instance),
        cmocka_unit_test(test_when_to_look_again),
        cmocka_unit_test(test_a_failure_says_when_to_try_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
