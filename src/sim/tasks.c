/* Tasks: their life from PENDING to STOPPED, and what ECS reports of it. */
#include <stdlib.h>
#include <string.h>

#include "sim/events.h"
#include "sim/texts.h"
#include "sim/world.h"
#include "util/clock.h"
#include "util/mem.h"

#define EXIT_KILLED 137 /* SIGKILL, after the containers' stopTimeout */
#define EXIT_NONE   (-1)

TREE_BY_TEXT(task_tree, task, by_arn, arn);
TREE_BY_TEXT(instance_task_tree, task, by_instance, arn);

static struct task *task_of_timer(struct timer *timer)
{
    return (struct task *)(void *)((char *)timer - offsetof(struct task, timer));
}

/* ---- finding --------------------------------------------------------------------------------- */

struct task *task_find(struct cluster *cluster, const char *id_or_arn)
{
    const char *slash = strrchr(id_or_arn, '/');
    const char *id = slash ? slash + 1 : id_or_arn;
    struct task *found = NULL;

    HASH_FIND(hh, cluster->tasks_by_id, id, strlen(id), found);
    return found && slash && !streq(found->arn, id_or_arn) ? NULL : found;
}

struct task *task_find_anywhere(struct world *world, const char *arn)
{
    struct task *found = NULL;

    for (struct cluster *c = cluster_next(world, NULL); c && !found;
         c = cluster_next(world, c->arn)) {
        found = task_find(c, arn);
    }
    return found;
}

struct task *task_next(struct cluster *cluster, const char *after_arn)
{
    return task_tree_after(&cluster->tasks, after_arn);
}

struct task *task_next_on(struct instance *instance, const char *after_arn)
{
    return instance_task_tree_after(&instance->tasks, after_arn);
}

const char *task_status_name(enum task_status status)
{
    static const char *const names[] = {"PENDING", "RUNNING", "STOPPED"};

    return names[status];
}

/* ---- the past, for a Describe that lags ------------------------------------------------------ */

static void free_past(struct task_past *past)
{
    while (past) {
        struct task_past *older = past->older;

        free(past);
        past = older;
    }
}

static void will_change(struct world *world, struct task *task)
{
    int64_t seen_ms = world_seen_ms(world);
    struct task_past **end = &task->past;

    instance_will_change(world, task->instance); /* its counts, at least */
    while (*end && (*end)->until_ms > seen_ms) {
        end = &(*end)->older;
    }
    free_past(*end);
    *end = NULL;
    if (world->settings->listing_lag_ms > 0) {
        struct task_past *past = xcalloc(1, sizeof(*past));

        past->older = task->past;
        past->until_ms = clock_mono_ms();
        past->state = task->now;
        task->past = past;
    }
}

const struct task_state *task_seen(const struct world *world, const struct task *task)
{
    int64_t seen_ms = world_seen_ms(world);
    const struct task_state *state = &task->now;

    if (world->settings->listing_lag_ms == 0) {
        return state;
    }
    if (task->created_mono_ms > seen_ms) {
        return NULL;
    }
    for (const struct task_past *past = task->past; past && past->until_ms > seen_ms;
         past = past->older) {
        state = &past->state;
    }
    return state;
}

/* ---- birth and oblivion ---------------------------------------------------------------------- */

/* The counts which follow from lastStatus. */
static void count(struct task *task, int by)
{
    if (task->now.last == STATUS_PENDING) {
        task->instance->now.pending += by;
        task->cluster->pending += by;
    } else if (task->now.last == STATUS_RUNNING) {
        task->instance->now.running += by;
        task->cluster->running += by;
    }
}

static struct task *make(struct world *world, struct instance *instance,
                         struct definition *definition, const struct task_spec *spec)
{
    struct task *task = xcalloc(1, sizeof(*task));

    task->cluster = instance->cluster;
    task->instance = instance;
    task->definition = definition;
    task->arn = world_make_arn(world, "task", task->cluster);
    task->id = strrchr(task->arn, '/') + 1;
    task->started_by = text_keep(spec->started_by);
    task->group =
        spec->group ? text_keep(spec->group) : text_keepf("family:%s", definition->family);
    task->overrides = json_incref(spec->overrides);
    task->tags = json_incref(spec->tags);
    task->created_at_ms = clock_wall_ms();
    task->created_mono_ms = clock_mono_ms();
    task->now =
        (struct task_state){.last = STATUS_PENDING, .desired = STATUS_RUNNING, .health = "UNKNOWN"};
    RB_INSERT(task_tree, &task->cluster->tasks, task);
    RB_INSERT(instance_task_tree, &instance->tasks, task);
    HASH_ADD_KEYPTR(hh, task->cluster->tasks_by_id, task->id, strlen(task->id), task);
    world->n_tasks++;
    count(task, 1);
    return task;
}

void task_free(struct world *world, struct task *task)
{
    timer_cancel(&world->timers, &task->timer);
    count(task, -1);
    RB_REMOVE(task_tree, &task->cluster->tasks, task);
    RB_REMOVE(instance_task_tree, &task->instance->tasks, task);
    HASH_DELETE(hh, task->cluster->tasks_by_id, task);
    world->n_tasks--;
    free_past(task->past);
    json_decref(task->overrides);
    json_decref(task->tags);
    free(task);
}

static void forget(void *ctx, struct timer *timer)
{
    task_free(ctx, task_of_timer(timer));
}

/* ---- the steps of a life --------------------------------------------------------------------- */

/* One change that ECS reports. */
static void report(struct world *world, struct task *task)
{
    task->now.version++;
    task->now.updated_at_ms = clock_wall_ms();
    world_record(world, task);
    event_of_task(world, task);
}

static void set_last(struct task *task, enum task_status last)
{
    int64_t now_ms = clock_wall_ms();

    count(task, -1);
    task->now.last = last;
    count(task, 1);
    if (last == STATUS_RUNNING) {
        task->now.pull_started_at_ms = task->created_at_ms;
        task->now.started_at_ms = now_ms;
    } else if (last == STATUS_STOPPED) {
        task->now.desired = STATUS_STOPPED;
        task->now.stopping_at_ms = task->now.stopping_at_ms ? task->now.stopping_at_ms : now_ms;
        task->now.stopped_at_ms = now_ms;
    }
}

static void on_healthy(void *ctx UNUSED, struct timer *timer)
{
    struct task *task = task_of_timer(timer);

    task_set_health(ctx, task, "HEALTHY");
}

static void on_started(void *ctx, struct timer *timer)
{
    struct world *world = ctx;
    struct task *task = task_of_timer(timer);

    if (!task->instance->now.agent_connected) {
        return; /* nobody says so; task_resume goes on from here */
    }
    will_change(world, task);
    set_last(task, STATUS_RUNNING);
    report(world, task);
    if (task->definition->health_check && world->settings->auto_health) {
        world_set_timer(world, timer, world->settings->start_delay_ms, on_healthy);
    }
}

static void on_stop_timeout(void *ctx, struct timer *timer)
{
    struct task *task = task_of_timer(timer);
    struct task_end end = {
        .exit_code = task->now.last == STATUS_RUNNING ? EXIT_KILLED : EXIT_NONE,
        .reports_instance = true,
    };

    if (task->instance->now.agent_connected) {
        task_end(ctx, task, &end);
    }
}

static int64_t stop_delay_ms(const struct world *world, const struct task *task)
{
    int64_t set_ms = world->settings->stop_timeout_ms;

    if (set_ms >= 0) {
        return set_ms;
    }
    return task->now.last == STATUS_RUNNING ? task->definition->stop_timeout_ms
                                            : world->settings->start_delay_ms;
}

struct task *task_start(struct world *world, struct instance *instance,
                        struct definition *definition, const struct task_spec *spec)
{
    instance_will_change(world, instance);
    struct task *task = make(world, instance, definition, spec);

    instance_take(instance, definition);
    task->holds_resources = true;
    report(world, task);
    instance_report(world, instance);
    world_set_timer(world, &task->timer, world->settings->start_delay_ms, on_started);
    return task;
}

struct task *task_seed(struct world *world, struct instance *instance,
                       struct definition *definition, const struct task_spec *spec, bool reports)
{
    instance_will_change(world, instance);
    struct task *task = make(world, instance, definition, spec);

    set_last(task, STATUS_RUNNING);
    task->now.version = 1; /* of PENDING, which nobody saw */
    if (reports) {
        report(world, task);
    } else {
        task->now.version++;
        task->now.updated_at_ms = clock_wall_ms();
        world_record(world, task);
    }
    return task;
}

static void set_stopping(struct task *task, const char *code, const char *reason)
{
    task->now.desired = STATUS_STOPPED;
    task->now.stopping_at_ms = clock_wall_ms();
    task->now.stop_code = text_keep(code);
    task->now.stopped_reason = text_keep(reason);
}

void task_stop(struct world *world, struct task *task, const char *reason)
{
    if (task->now.desired == STATUS_STOPPED) {
        return;
    }
    will_change(world, task);
    set_stopping(task, "UserInitiated", reason ? reason : "Task stopped by user");
    report(world, task);
    world_set_timer(world, &task->timer, stop_delay_ms(world, task), on_stop_timeout);
}

void task_end(struct world *world, struct task *task, const struct task_end *end)
{
    if (task->now.last == STATUS_STOPPED) {
        return;
    }
    will_change(world, task);
    if (task->now.desired != STATUS_STOPPED) {
        set_stopping(task, end->code, end->reason);
    }
    set_last(task, STATUS_STOPPED);
    task->now.has_exit_code = end->exit_code != EXIT_NONE;
    task->now.exit_code = end->exit_code;
    task->now.container_reason = text_keep(end->container_reason);
    report(world, task);
    if (task->holds_resources) {
        task->holds_resources = false;
        instance_give_back(task->instance, task->definition);
        if (end->reports_instance) {
            instance_report(world, task->instance);
        }
    }
    world_set_timer(world, &task->timer, KEPT_AFTER_END_MS, forget);
}

void task_set_health(struct world *world, struct task *task, const char *health)
{
    if (task->now.last == STATUS_RUNNING) {
        will_change(world, task);
        task->now.health = text_keep(health); /* no event, and the version stays */
    }
}

void task_resume(struct world *world, struct task *task)
{
    if (task->timer.armed || task->now.last == STATUS_STOPPED) {
        return;
    }
    if (task->now.desired == STATUS_STOPPED) {
        world_set_timer(world, &task->timer, stop_delay_ms(world, task), on_stop_timeout);
    } else if (task->now.last == STATUS_PENDING) {
        world_set_timer(world, &task->timer, world->settings->start_delay_ms, on_started);
    }
}

/* ---- the lives of storms --------------------------------------------------------------------- */

struct task *task_storm_step(struct world *world, struct task *task, struct instance *instance,
                             struct definition *definition)
{
    static const struct task_end end = {.exit_code = 0};

    if (!task) {
        task = make(world, instance, definition, &(struct task_spec){.started_by = "storm"});
        report(world, task);
        return task;
    }
    if (task->now.last == STATUS_PENDING) {
        set_last(task, STATUS_RUNNING);
        report(world, task);
    } else if (task->now.desired == STATUS_RUNNING) {
        set_stopping(task, "UserInitiated", "Task stopped by user");
        report(world, task);
    } else {
        task_end(world, task, &end);
        return NULL;
    }
    return task;
}
