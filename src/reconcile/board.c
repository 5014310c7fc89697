/* The board's tables, queues and timers. */
#include "reconcile/board.h"

#include <stdlib.h>
#include <time.h>

#include "reconcile/watch.h"
#include "util/mem.h"

static int by_due(const struct place *a, const struct place *b)
{
    if (a->due_ms != b->due_ms) {
        return a->due_ms < b->due_ms ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

TREE_FUNCTIONS(place_timers, place, timer, by_due);

struct board *board_new(void)
{
    struct board *board = xcalloc(1, sizeof(*board));
    pthread_condattr_t monotonic;

    pthread_mutex_init(&board->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&board->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    TAILQ_INIT(&board->marked);
    TAILQ_INIT(&board->parked);
    for (int r = 0; r < READY_COUNT; r++) {
        TAILQ_INIT(&board->ready[r]);
    }
    TAILQ_INIT(&board->touched);
    RB_INIT(&board->timers);
    board->listener = watch_listener(board);
    return board;
}

void board_watch(struct board *board, struct view *view)
{
    board_lock(board);
    board->view = view;
    pthread_cond_broadcast(&board->wake);
    board_unlock(board);
}

void board_lock(struct board *board)
{
    pthread_mutex_lock(&board->lock);
}

void board_unlock(struct board *board)
{
    pthread_mutex_unlock(&board->lock);
}

void board_wake(struct board *board)
{
    board->awake = true;
    pthread_cond_broadcast(&board->wake);
}

void board_sleep(struct board *board, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int late = 0;

    while (!board->awake && late == 0) {
        late = until_ms ? pthread_cond_timedwait(&board->wake, &board->lock, &until)
                        : pthread_cond_wait(&board->wake, &board->lock);
    }
    board->awake = false;
}

/* ---- tables ---------------------------------------------------------------------------------- */

struct board_cluster *board_cluster(struct board *board, const char *arn)
{
    struct board_cluster *cluster = NULL;

    HASH_FIND_STR(board->clusters, arn, cluster);
    if (!cluster) {
        cluster = xcalloc(1, sizeof(*cluster));
        cluster->arn = xstrdup(arn);
        TAILQ_INIT(&cluster->environments);
        TAILQ_INIT(&cluster->instances);
        HASH_ADD_KEYPTR(hh, board->clusters, cluster->arn, strlen(cluster->arn), cluster);
    }
    return cluster;
}

struct board_environment *board_environment(struct board *board, const char *cluster_arn,
                                            const char *id)
{
    struct board_environment *env = NULL;

    HASH_FIND_STR(board->environments, id, env);
    if (!env) {
        env = xcalloc(1, sizeof(*env));
        env->id = xstrdup(id);
        env->name = xstrdup("");
        env->deployment = xstrdup("");
        env->task_definition = xstrdup("");
        env->cluster = board_cluster(board, cluster_arn);
        TAILQ_INIT(&env->places);
        TAILQ_INIT(&env->replaceable);
        TAILQ_INSERT_TAIL(&env->cluster->environments, env, of_cluster);
        HASH_ADD_KEYPTR(hh, board->environments, env->id, strlen(env->id), env);
    }
    return env;
}

struct board_instance *board_instance(struct board *board, const char *cluster_arn, const char *arn)
{
    struct board_instance *instance = NULL;

    HASH_FIND_STR(board->instances, arn, instance);
    if (!instance) {
        instance = xcalloc(1, sizeof(*instance));
        instance->arn = xstrdup(arn);
        instance->status = PLAN_INSTANCE_GONE;
        instance->cluster = board_cluster(board, cluster_arn);
        TAILQ_INIT(&instance->places);
        TAILQ_INSERT_TAIL(&instance->cluster->instances, instance, of_cluster);
        HASH_ADD_KEYPTR(hh, board->instances, instance->arn, strlen(instance->arn), instance);
    }
    return instance;
}

struct place *board_place(struct board *board, struct board_environment *environment,
                          struct board_instance *instance)
{
    struct place_key key = {environment, instance};
    struct place *place = NULL;

    HASH_FIND(hh, board->places, &key, sizeof(key), place);
    if (!place) {
        place = xcalloc(1, sizeof(*place));
        place->key = key;
        TAILQ_INSERT_TAIL(&environment->places, place, of_environment);
        TAILQ_INSERT_TAIL(&instance->places, place, of_instance);
        HASH_ADD(hh, board->places, key, sizeof(key), place);
    }
    return place;
}

struct board_environment *board_started_by(struct board *board, const char *deployment_id)
{
    struct board_deployment *deployment = NULL;
    struct board_environment *env = NULL;

    HASH_FIND_STR(board->deployments, deployment_id, deployment);
    if (deployment) {
        HASH_FIND_STR(board->environments, deployment->environment, env);
    }
    return env;
}

bool board_may_act(const struct board *board, const struct board_environment *environment)
{
    return environment->born_epoch == board->epoch_revision ||
           environment->cluster->synced_revision >= board->epoch_revision;
}

/* ---- queues and timers ----------------------------------------------------------------------- */

void place_move(struct place *place, struct place_list *queue, struct board *board)
{
    if (place->queue) {
        TAILQ_REMOVE(place->queue, place, link);
        place->key.environment->n_marked -= place->queue == &board->marked;
    }
    place->queue = queue;
    if (queue) {
        TAILQ_INSERT_TAIL(queue, place, link);
        place->key.environment->n_marked += queue == &board->marked;
    }
}

void place_mark(struct board *board, struct place *place)
{
    if (place->queue != &board->marked) {
        place_move(place, &board->marked, board);
    }
}

void board_mark_all(struct board *board)
{
    struct place *place, *next;

    HASH_ITER(hh, board->places, place, next)
    {
        place_mark(board, place);
    }
}

void place_set_timer(struct board *board, struct place *place, int64_t due_ms)
{
    if (place->due_ms) {
        RB_REMOVE(place_timers, &board->timers, place);
    }
    place->due_ms = due_ms;
    if (due_ms) {
        RB_INSERT(place_timers, &board->timers, place);
    }
}

int64_t board_run_timers(struct board *board, int64_t now_ms)
{
    struct place *place;

    while ((place = RB_MIN(place_timers, &board->timers)) && place->due_ms <= now_ms) {
        place_set_timer(board, place, 0);
        place_mark(board, place);
    }
    return place ? place->due_ms : 0;
}

/* ---- counters -------------------------------------------------------------------------------- */

void board_touch(struct board *board, struct board_environment *environment)
{
    if (!environment->touched) {
        environment->touched = true;
        TAILQ_INSERT_TAIL(&board->touched, environment, link);
    }
}

void place_count(struct board *board, struct place *place, bool eligible, bool healthy,
                 bool settled)
{
    struct board_environment *env = place->key.environment;
    struct plan_counts *counts = &env->counts;

    if (place->eligible != eligible || place->healthy != healthy || place->settled != settled) {
        counts->eligible += (size_t)eligible - (size_t)place->eligible;
        counts->healthy += (size_t)healthy - (size_t)place->healthy;
        counts->settled += (size_t)settled - (size_t)place->settled;
        place->eligible = eligible;
        place->healthy = healthy;
        place->settled = settled;
        board_touch(board, env);
    }
}

/* ---- the end of things ----------------------------------------------------------------------- */

static void deployment_free(struct board *board, struct board_deployment *deployment)
{
    HASH_DEL(board->deployments, deployment);
    free(deployment->id);
    free(deployment->environment);
    free(deployment);
}

static void environment_free(struct board *board, struct board_environment *env)
{
    if (env->touched) {
        TAILQ_REMOVE(&board->touched, env, link);
    }
    TAILQ_REMOVE(&env->cluster->environments, env, of_cluster);
    HASH_DEL(board->environments, env);
    free(env->id);
    free(env->name);
    free(env->deployment);
    free(env->task_definition);
    free(env->trouble);
    free(env);
}

static void instance_free(struct board *board, struct board_instance *instance)
{
    TAILQ_REMOVE(&instance->cluster->instances, instance, of_cluster);
    HASH_DEL(board->instances, instance);
    free(instance->arn);
    free(instance);
}

void board_drop_instance(struct board *board, struct board_instance *instance)
{
    if (instance->status == PLAN_INSTANCE_GONE && instance->n_live <= 0 &&
        TAILQ_EMPTY(&instance->places)) {
        instance_free(board, instance);
    }
}

void place_free(struct board *board, struct place *place)
{
    struct board_instance *instance = place->key.instance;

    place_count(board, place, false, false, false);
    place_set_timer(board, place, 0);
    place_move(place, NULL, board);
    TAILQ_REMOVE(&place->key.environment->places, place, of_environment);
    TAILQ_REMOVE(&instance->places, place, of_instance);
    HASH_DEL(board->places, place);
    free(place->claimant);
    free(place);
    board_drop_instance(board, instance);
}

void board_drop_environment(struct board *board, struct board_environment *environment)
{
    if (!environment->alive && TAILQ_EMPTY(&environment->places)) {
        environment_free(board, environment);
    }
}

void board_free(struct board *board)
{
    struct place *place, *next_place;
    struct board_environment *env, *next_env;
    struct board_instance *instance, *next_instance;
    struct board_deployment *deployment, *next_deployment;
    struct board_cluster *cluster, *next_cluster;

    if (!board) {
        return;
    }
    HASH_ITER(hh, board->places, place, next_place)
    {
        place_free(board, place);
    }
    HASH_ITER(hh, board->environments, env, next_env)
    {
        environment_free(board, env);
    }
    HASH_ITER(hh, board->instances, instance, next_instance)
    {
        instance_free(board, instance);
    }
    HASH_ITER(hh, board->deployments, deployment, next_deployment)
    {
        deployment_free(board, deployment);
    }
    HASH_ITER(hh, board->clusters, cluster, next_cluster)
    {
        HASH_DEL(board->clusters, cluster);
        free(cluster->arn);
        free(cluster);
    }
    pthread_cond_destroy(&board->wake);
    pthread_mutex_destroy(&board->lock);
    free(board);
}
