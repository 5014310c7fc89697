/* The world: its lock, its clock, its clusters and its history. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/texts.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/uuid.h"

#define HISTORY_MIN 1024

TREE_BY_TEXT(cluster_tree, cluster, node, arn);

void world_lock(struct world *world)
{
    pthread_mutex_lock(&world->lock);
}

void world_unlock(struct world *world)
{
    pthread_mutex_unlock(&world->lock);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void *keep_time(void *ctx)
{
    struct world *world = ctx;

    world_lock(world);
    while (!world->ending) {
        int64_t next_ms = timers_run(&world->timers, clock_mono_ms(), world);

        if (next_ms == INT64_MAX) {
            pthread_cond_wait(&world->changed, &world->lock);
        } else {
            struct timespec until = {.tv_sec = next_ms / 1000,
                                     .tv_nsec = (next_ms % 1000) * 1000000};

            pthread_cond_timedwait(&world->changed, &world->lock, &until);
        }
    }
    world_unlock(world);
    return NULL;
}

void world_set_timer(struct world *world, struct timer *timer, int64_t delay_ms,
                     void (*fire)(void *ctx, struct timer *timer))
{
    if (timer_set(&world->timers, timer, clock_mono_ms() + delay_ms, fire)) {
        pthread_cond_signal(&world->changed);
    }
}

void world_init(struct world *world)
{
    pthread_condattr_t monotonic;

    pthread_mutex_init(&world->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&world->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    RB_INIT(&world->clusters);
    RB_INIT(&world->families);
    RB_INIT(&world->timers.tree);
    pthread_create(&world->keeper, NULL, keep_time, world);
}

static void cluster_free(struct world *world, struct cluster *cluster)
{
    struct task *task = NULL;
    struct instance *instance = NULL;

    while ((task = task_next(cluster, NULL))) {
        task_free(world, task);
    }
    while ((instance = instance_next(cluster, NULL))) {
        instance_free(world, instance);
    }
    RB_REMOVE(cluster_tree, &world->clusters, cluster);
    free(cluster);
}

void world_clear(struct world *world)
{
    struct cluster *cluster = NULL;

    world_lock(world);
    world->ending = true;
    pthread_cond_signal(&world->changed);
    world_unlock(world);
    pthread_join(world->keeper, NULL);
    storms_clear(world);
    while ((cluster = cluster_next(world, NULL))) {
        cluster_free(world, cluster);
    }
    families_free(world);
    free(world->history);
    strbuf_clear(&world->event);
    pthread_cond_destroy(&world->changed);
    pthread_mutex_destroy(&world->lock);
}

int64_t world_seen_ms(const struct world *world)
{
    return clock_mono_ms() - world->settings->listing_lag_ms;
}

/* ---- history --------------------------------------------------------------------------------- */

/* Grows by doubling until it is full, then forgets the oldest. */
static struct transition *next_transition(struct world *world)
{
    uint64_t n = world->n_history++;

    if (n < HISTORY_MAX && (n < HISTORY_MIN ? n == 0 : (n & (n - 1)) == 0)) {
        world->history = xreallocarray(world->history, n < HISTORY_MIN ? HISTORY_MIN : 2 * n,
                                       sizeof(*world->history));
    }
    return &world->history[n % HISTORY_MAX];
}

void world_record(struct world *world, const struct task *task)
{
    *next_transition(world) = (struct transition){
        .at_ms = clock_wall_ms(),
        .mono_us = clock_mono_us(),
        .task = task->arn,
        .instance = task->instance->arn,
        .definition = task->definition->arn,
        .started_by = task->started_by,
        .group = task->group,
        .last = task->now.last,
        .desired = task->now.desired,
    };
}

/* 32 hexadecimal digits, or a UUID in the old ARN format. */
const char *world_make_arn(const struct world *world, const char *type,
                           const struct cluster *cluster)
{
    char uuid[UUID_LEN];
    char *end = uuid;

    uuid_make(uuid);
    if (world->settings->old_arns) {
        return text_keepf("arn:aws:ecs:%s:%s:%s/%s", world->region, world->account, type, uuid);
    }
    for (const char *c = uuid; *c; c++) {
        if (*c != '-') {
            *end++ = *c;
        }
    }
    *end = '\0';
    return text_keepf("arn:aws:ecs:%s:%s:%s/%s/%s", world->region, world->account, type,
                      cluster->name, uuid);
}

/* ---- clusters -------------------------------------------------------------------------------- */

struct cluster *cluster_find(struct world *world, const char *name_or_arn)
{
    const char *slash = name_or_arn ? strrchr(name_or_arn, '/') : NULL;
    const char *name = slash ? slash + 1 : name_or_arn ? name_or_arn : "default";
    AUTO_CHAR *arn = xasprintf("arn:aws:ecs:%s:%s:cluster/%s", world->region, world->account, name);

    if (slash && strcmp(name_or_arn, arn) != 0) {
        return NULL; /* of another region or account */
    }
    return RB_FIND(cluster_tree, &world->clusters, &(struct cluster){.arn = arn});
}

struct cluster *cluster_make(struct world *world, const char *name)
{
    struct cluster *cluster = cluster_find(world, name);

    if (!cluster) {
        cluster = xcalloc(1, sizeof(*cluster));
        cluster->name = text_keep(name);
        cluster->arn =
            text_keepf("arn:aws:ecs:%s:%s:cluster/%s", world->region, world->account, name);
        RB_INIT(&cluster->instances);
        RB_INIT(&cluster->tasks);
        RB_INSERT(cluster_tree, &world->clusters, cluster);
    }
    cluster->active = true;
    return cluster;
}

struct cluster *cluster_next(struct world *world, const char *after_arn)
{
    return cluster_tree_after(&world->clusters, after_arn);
}
