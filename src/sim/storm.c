/* Storms: many task events, of lives that are genuine; at once, or so many a second. */
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"
#include "util/clock.h"
#include "util/mem.h"

#define TICK_MS     5
#define LIFE_EVENTS 4 /* PENDING, RUNNING, desired STOPPED, STOPPED */

struct storm {
    struct timer timer; /* first */
    struct storm *next;
    struct cluster *cluster;
    struct definition *definition;
    const char *instance; /* the one that got the last life; or NULL */
    size_t n_events;
    size_t n_sent;
    size_t rate; /* events a second */
    int64_t began_us;
    size_t n_slots;
    const char *slots[]; /* the ARN of the task which lives there, or NULL */
};

/* The instances get the lives in turn; NULL when none is left. */
static struct instance *next_instance(struct storm *storm)
{
    struct instance *next = instance_next(storm->cluster, storm->instance);

    next = next || !storm->instance ? next : instance_next(storm->cluster, NULL);
    storm->instance = next ? next->arn : NULL;
    return next;
}

/* One event. Others may have ended the slot's life, or forgotten it. */
static bool blow(struct world *world, struct storm *storm)
{
    const char **slot = &storm->slots[storm->n_sent++ % storm->n_slots];
    struct task *task = *slot ? task_find(storm->cluster, *slot) : NULL;
    struct instance *instance = NULL;

    if (!task || task->now.last == STATUS_STOPPED) {
        task = NULL;
        instance = next_instance(storm);
        if (!instance) {
            return false;
        }
    }
    task = task_storm_step(world, task, instance, storm->definition);
    *slot = task ? task->arn : NULL;
    return true;
}

static void end(struct world *world, struct storm *storm)
{
    struct storm **at = &world->storms;

    while (*at != storm) {
        at = &(*at)->next;
    }
    *at = storm->next;
    timer_cancel(&world->timers, &storm->timer);
    free(storm);
}

/* Sends what is due by now. */
static void go_on(void *ctx, struct timer *timer)
{
    struct world *world = ctx;
    struct storm *storm = (struct storm *)(void *)timer;
    int64_t us = clock_mono_us() - storm->began_us;
    size_t due = storm->rate ? (size_t)us * storm->rate / 1000000 : storm->n_events;

    due = due < storm->n_events ? due : storm->n_events;
    while (storm->n_sent < due) {
        if (!blow(world, storm)) {
            due = storm->n_events;
            break;
        }
    }
    if (due < storm->n_events) {
        world_set_timer(world, &storm->timer, TICK_MS, go_on);
    } else {
        end(world, storm);
    }
}

size_t storm_begin(struct world *world, struct cluster *cluster, struct definition *definition,
                   size_t n_tasks, size_t n_events, size_t rate)
{
    struct storm *storm = xcalloc(1, sizeof(*storm) + n_tasks * sizeof(storm->slots[0]));
    size_t rounds = n_events / n_tasks; /* which every slot has, and some one more */
    size_t more = n_events % n_tasks;

    storm->cluster = cluster;
    storm->definition = definition;
    storm->n_events = n_events;
    storm->n_slots = n_tasks;
    storm->rate = rate;
    storm->began_us = clock_mono_us();
    storm->next = world->storms;
    world->storms = storm;
    go_on(world, &storm->timer);
    return (n_tasks - more) * ((rounds + LIFE_EVENTS - 1) / LIFE_EVENTS) +
           more * ((rounds + LIFE_EVENTS) / LIFE_EVENTS);
}

void storms_clear(struct world *world)
{
    while (world->storms) {
        end(world, world->storms);
    }
}
