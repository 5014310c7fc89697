/* From a change in the view to the places it concerns. */
#include "reconcile/watch.h"

#include <stdlib.h>

#include "model/environment.h"
#include "model/placement.h"
#include "util/log.h"
#include "util/mem.h"

static void set_text(char **text, const char *value)
{
    if (!streq(*text, value)) {
        free(*text);
        *text = xstrdup(value);
    }
}

/* ---- clusters -------------------------------------------------------------------------------- */

/* A completed drift pass: what an epoch change held back may go on. */
static void cluster_changed(struct board *board, const struct entity *after)
{
    struct board_cluster *cluster;
    struct board_instance *instance;
    struct board_environment *env;
    struct place *place;

    if (!after) {
        return;
    }
    cluster = board_cluster(board, after->key);
    cluster->synced_revision = entity_field_int(after, CLUSTER_SYNCED_REVISION);
    TAILQ_FOREACH(env, &cluster->environments, of_cluster)
    {
        board_touch(board, env);
    }
    TAILQ_FOREACH(instance, &cluster->instances, of_cluster)
    {
        TAILQ_FOREACH(place, &instance->places, of_instance)
        {
            place_mark(board, place);
        }
    }
}

/* ---- environments and deployments ------------------------------------------------------------ */

static void mark_environment(struct board *board, struct board_environment *env)
{
    struct place *place;

    board_touch(board, env);
    TAILQ_FOREACH(place, &env->places, of_environment)
    {
        place_mark(board, place);
    }
}

/* A living environment with a deployment has a place on every instance of its cluster. */
static void spread(struct board *board, struct board_environment *env)
{
    struct board_instance *instance;

    if (!env->alive || !env->deployment[0]) {
        return;
    }
    TAILQ_FOREACH(instance, &env->cluster->instances, of_cluster)
    {
        if (instance->status != PLAN_INSTANCE_GONE) {
            place_mark(board, board_place(board, env, instance));
        }
    }
}

static void read_deployment(struct board *board, struct board_environment *env)
{
    char key[DEPLOYMENT_KEY_LEN];
    AUTO(entity) *entity = NULL;
    struct deployment deployment;

    env->status_revision = 0;
    if (!env->deployment[0] || !deployment_key(env->id, env->deployment, key)) {
        return;
    }
    entity = view_get(board->view, KIND_DEPLOYMENT, key);
    if (entity) {
        deployment_read(entity->fields, &deployment);
        set_text(&env->task_definition, deployment.task_definition);
        env->status = deployment.status;
        env->status_revision = entity->revision;
    }
}

static void environment_lives(struct board *board, const struct environment *environment)
{
    struct board_environment *env = board_environment(board, environment->cluster, environment->id);

    env->alive = true;
    set_text(&env->name, environment->name);
    if (!streq(env->deployment, environment->deployment)) {
        set_text(&env->deployment, environment->deployment);
        env->superseded = true;
        mark_environment(board, env);
        spread(board, env);
    }
    read_deployment(board, env);
    board_touch(board, env);
}

/* It is dead when its name no longer leads to it, whatever the order of changes in a commit. */
static void environment_dies(struct board *board, const struct environment *environment)
{
    AUTO(entity) *now = view_get(board->view, KIND_ENVIRONMENT, environment->name);
    struct board_environment *env = NULL;

    if (now && streq(entity_field(now, ENVIRONMENT_ID), environment->id)) {
        return;
    }
    HASH_FIND_STR(board->environments, environment->id, env);
    if (env) {
        env->alive = false;
        mark_environment(board, env);
    }
}

static void environment_changed(struct board *board, const struct entity *before,
                                const struct entity *after)
{
    struct environment environment;

    if (before) {
        environment_read(before->fields, &environment);
        environment_dies(board, &environment);
    }
    if (after) {
        environment_read(after->fields, &environment);
        if (environment.status == ENVIRONMENT_ACTIVE) {
            environment_lives(board, &environment);
        }
    }
}

/* The log tells of its creation, so it was made since the last epoch change. */
static void environment_born(struct board *board, const struct entity *after)
{
    struct board_environment *env = NULL;

    HASH_FIND_STR(board->environments, entity_field(after, ENVIRONMENT_ID), env);
    if (env) {
        env->born_epoch = board->epoch_revision;
    }
}

static void deployment_changed(struct board *board, const struct entity *before,
                               const struct entity *after)
{
    const char *id = entity_field(after ? after : before, DEPLOYMENT_ID);
    struct board_deployment *deployment = NULL;
    struct board_environment *env = NULL;

    HASH_FIND_STR(board->deployments, id, deployment);
    if (!after) {
        if (deployment) {
            HASH_DEL(board->deployments, deployment);
            free(deployment->id);
            free(deployment->environment);
            free(deployment);
        }
        return;
    }
    if (!deployment) {
        deployment = xcalloc(1, sizeof(*deployment));
        deployment->id = xstrdup(id);
        deployment->environment = xstrdup(entity_field(after, DEPLOYMENT_ENVIRONMENT));
        HASH_ADD_KEYPTR(hh, board->deployments, deployment->id, strlen(deployment->id), deployment);
    }
    HASH_FIND_STR(board->environments, deployment->environment, env);
    if (env && streq(env->deployment, id)) {
        bool first = env->status_revision == 0;

        read_deployment(board, env);
        if (first) { /* its environment was there before it, and named it already */
            mark_environment(board, env);
        }
        board_touch(board, env);
    }
}

/* ---- instances and tasks --------------------------------------------------------------------- */

static enum plan_instance_status status_parse(const char *status)
{
    return streq(status, "ACTIVE")     ? PLAN_INSTANCE_ACTIVE
           : streq(status, "DRAINING") ? PLAN_INSTANCE_DRAINING
           : streq(status, "INACTIVE") ? PLAN_INSTANCE_GONE
                                       : PLAN_INSTANCE_OTHER;
}

static void mark_instance(struct board *board, struct board_instance *instance)
{
    struct place *place;

    TAILQ_FOREACH(place, &instance->places, of_instance)
    {
        place_mark(board, place);
    }
}

static void instance_changed(struct board *board, const struct entity *before,
                             const struct entity *after)
{
    const struct entity *entity = after ? after : before;
    struct board_instance *instance =
        board_instance(board, entity_field(entity, INSTANCE_CLUSTER), entity->key);
    enum plan_instance_status status =
        after ? status_parse(entity_field(after, INSTANCE_STATUS)) : PLAN_INSTANCE_GONE;
    bool connected = after && streq(entity_field(after, INSTANCE_AGENT_CONNECTED), "1");
    struct board_environment *env;

    if (status == PLAN_INSTANCE_DRAINING && instance->status != PLAN_INSTANCE_DRAINING) {
        instance->draining_at_ms = entity->at_ms;
    }
    if (!connected && (instance->connected || !instance->disconnected_at_ms)) {
        instance->disconnected_at_ms = entity->at_ms;
    }
    instance->status = status;
    instance->connected = connected;
    mark_instance(board, instance);
    if (status == PLAN_INSTANCE_GONE) {
        board_drop_instance(board, instance);
        return;
    }
    TAILQ_FOREACH(env, &instance->cluster->environments, of_cluster)
    {
        if (env->alive && env->deployment[0]) {
            place_mark(board, board_place(board, env, instance));
        }
    }
}

static bool is_live(const struct entity *task)
{
    return task && !streq(entity_field(task, TASK_LAST_STATUS), "STOPPED");
}

/* The place's placement names the task. */
static bool is_placed(struct board *board, const struct place *place, const char *task_arn)
{
    AUTO_STRBUF key = {0};
    AUTO(entity) *entity = NULL;
    struct placement placement;

    placement_key(place->key.environment->id, place->key.instance->arn, &key);
    entity = view_get(board->view, KIND_PLACEMENT, key.text);
    if (!entity) {
        return false;
    }
    placement_read(entity->fields, &placement);
    return placement_owns(&placement, task_arn);
}

/* A task of ours concerns its place. Anybody's concerns a DRAINING instance, where ours wait for
 * the others to end; elsewhere foreign tasks are no business of ours. Under a capacity provider a
 * task exists before it has an instance: there it appears with the change which names it. */
static void task_changed(struct board *board, const struct entity *before,
                         const struct entity *after)
{
    const struct entity *task = after ? after : before;
    const char *instance_arn = entity_field(task, TASK_INSTANCE);
    struct board_environment *env = board_started_by(board, entity_field(task, TASK_STARTED_BY));
    struct board_instance *instance;
    struct place *place;

    if (!instance_arn[0]) { /* on Fargate, or not yet anywhere */
        return;
    }
    if (before && !entity_field(before, TASK_INSTANCE)[0]) {
        before = NULL;
    }
    instance = board_instance(board, entity_field(task, TASK_CLUSTER), instance_arn);
    instance->n_live += (int)is_live(after) - (int)is_live(before);
    if (instance->status == PLAN_INSTANCE_DRAINING && is_live(after) != is_live(before)) {
        mark_instance(board, instance);
    }
    if (!env) {
        board_drop_instance(board, instance);
        return;
    }
    place = board_place(board, env, instance);
    if (is_live(after) && !is_live(before) && !is_placed(board, place, task->key)) {
        free(place->claimant);
        place->claimant = xstrdup(task->key);
    }
    place_mark(board, place);
}

/* The placement is gone and a task it named may live on. */
static void keep_claimant(struct board *board, struct place *place, const char *tasks)
{
    AUTO_CHAR *list = xstrdup(tasks);
    char *rest = list;

    while (rest && *rest) {
        AUTO(entity) *task = view_get(board->view, KIND_TASK, strsep(&rest, ","));

        if (is_live(task)) {
            free(place->claimant);
            place->claimant = xstrdup(task->key);
        }
    }
}

static void placement_changed(struct board *board, const struct entity *before,
                              const struct entity *after)
{
    struct placement placement;
    struct board_environment *env;
    struct place *place;

    placement_read((after ? after : before)->fields, &placement);
    env = board_environment(board, placement.cluster, placement.environment);
    place = board_place(board, env, board_instance(board, placement.cluster, placement.instance));
    if (!after) {
        keep_claimant(board, place, placement.tasks);
    }
    place_mark(board, place);
}

/* ---- the listener ---------------------------------------------------------------------------- */

/* The view exists before board_watch has told of it. */
static struct board *enter(void *ctx)
{
    struct board *board = ctx;

    board_lock(board);
    while (!board->view) {
        pthread_cond_wait(&board->wake, &board->lock);
    }
    return board;
}

static void apply_change(struct board *board, const struct entity *before,
                         const struct entity *after)
{
    switch ((after ? after : before)->kind) {
    case KIND_CLUSTER:
        cluster_changed(board, after);
        break;
    case KIND_ENVIRONMENT:
        environment_changed(board, before, after);
        break;
    case KIND_DEPLOYMENT:
        deployment_changed(board, before, after);
        break;
    case KIND_INSTANCE:
        instance_changed(board, before, after);
        break;
    case KIND_TASK:
        task_changed(board, before, after);
        break;
    case KIND_PLACEMENT:
        placement_changed(board, before, after);
        break;
    case KIND_RECONCILE: /* drift's business */
    case KIND_COUNT:
        break;
    }
}

static void changed(void *ctx, const struct entity *before, const struct entity *after)
{
    struct board *board = enter(ctx);

    apply_change(board, before, after);
    if (!before && after->kind == KIND_ENVIRONMENT) {
        environment_born(board, after);
    }
    board_unlock(board);
}

static void committed(void *ctx, int64_t revision, int64_t at_ms)
{
    struct board *board = enter(ctx);
    struct place *place;

    (void)at_ms;
    board->revision = revision;
    while ((place = TAILQ_FIRST(&board->parked)) && place->wait_revision <= revision) {
        place_mark(board, place);
    }
    board_wake(board);
    board_unlock(board);
}

static void list_kind(struct board *board, enum kind kind)
{
    AUTO_ENTITY_LIST list = {0};

    view_list(board->view, kind, NULL, &list);
    for (size_t i = 0; i < list.n; i++) {
        apply_change(board, NULL, list.items[i]);
    }
}

/* What was there and is not in the new copy, and no listing will tell. */
static void forget(struct board *board)
{
    struct board_environment *env, *next_env;
    struct board_instance *instance, *next_instance;
    struct board_cluster *cluster, *next_cluster;

    HASH_ITER(hh, board->clusters, cluster, next_cluster)
    {
        cluster->synced_revision = 0;
    }
    HASH_ITER(hh, board->environments, env, next_env)
    {
        env->alive = false;
        env->wait_revision = 0;
        board_touch(board, env);
    }
    HASH_ITER(hh, board->instances, instance, next_instance)
    {
        instance->status = PLAN_INSTANCE_GONE;
        instance->connected = false;
        instance->n_live = 0;
    }
}

static void reloaded(void *ctx, int64_t revision)
{
    static const enum kind order[] = {KIND_CLUSTER,  KIND_DEPLOYMENT, KIND_ENVIRONMENT,
                                      KIND_INSTANCE, KIND_TASK,       KIND_PLACEMENT};
    struct board *board = enter(ctx);

    board->revision = revision;
    forget(board);
    for (size_t k = 0; k < ARRAY_LEN(order); k++) {
        list_kind(board, order[k]);
    }
    board_mark_all(board);
    board_wake(board);
    board_unlock(board);
}

static void epoch(void *ctx, int64_t revision)
{
    struct board *board = enter(ctx);

    board->epoch_revision = revision;
    board_wake(board);
    board_unlock(board);
}

static void trouble(void *ctx, const struct error *why)
{
    (void)ctx;
    if (why) {
        log_warn("view.redis-away", "text=\"%s\"", why->text);
    } else {
        log_info("view.redis-back", "%s", "");
    }
}

struct view_listener watch_listener(struct board *board)
{
    return (struct view_listener){
        .changed = changed,
        .committed = committed,
        .reloaded = reloaded,
        .epoch = epoch,
        .trouble = trouble,
        .ctx = board,
    };
}
