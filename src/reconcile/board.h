/*
 * The board: which environments want a task on which container instances, and which of these places
 * have to be looked at. It is kept up by the view's follower thread, worked off by the scheduler's,
 * and holds no copy of what the view knows: only what leads from a change to a place, counters, and
 * what this process has under way.
 *
 * Everything in it is touched under `lock`. The follower's thread adds and marks; only the
 * scheduler's thread frees, so that it may keep pointers while it does not hold the lock.
 */
#ifndef BLOX_RECONCILE_BOARD_H
#define BLOX_RECONCILE_BOARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#include "model/deployment.h"
#include "plan/instance.h"
#include "plan/rollout.h"
#include "util/tree.h"
#include "view/view.h"

struct place;
TAILQ_HEAD(place_list, place);
TAILQ_HEAD(board_environment_list, board_environment);
TAILQ_HEAD(board_instance_list, board_instance);
RB_HEAD(place_timers, place);

struct board_cluster {
    char *arn; /* key */
    UT_hash_handle hh;
    int64_t synced_revision; /* where the last completed drift pass began; 0: none yet */
    bool sync_asked;         /* drift was asked for a first pass */
    struct board_environment_list environments;
    struct board_instance_list instances;
};

struct board_environment {
    char *id; /* key */
    UT_hash_handle hh;
    TAILQ_ENTRY(board_environment) of_cluster;
    TAILQ_ENTRY(board_environment) link; /* in board->touched */
    bool touched;
    struct board_cluster *cluster;
    char *name;
    bool alive;         /* false: deleted, only its placements are left to be dropped */
    int64_t born_epoch; /* the epoch in which it was seen to be made: nothing of it can have been
                           lost by that epoch's change */
    char *deployment;   /* id of the one in force, or "" */
    char *task_definition;
    enum deployment_status status; /* of that deployment */
    int64_t status_revision;       /* of its entity; 0: not here yet */
    bool superseded;               /* earlier deployments may have been left unfinished */
    int64_t wait_revision;         /* the view has to reach it before the status is written again */
    struct plan_counts counts;
    size_t n_marked; /* places of it in board->marked: the counters are not up to date */
    struct place_list places;
    struct place_list replaceable; /* healthy, of an earlier deployment; oldest mark first */
    char *trouble;                 /* what was logged last: the same is not logged again; or NULL */
};

struct board_instance {
    char *arn; /* key */
    UT_hash_handle hh;
    TAILQ_ENTRY(board_instance) of_cluster;
    struct board_cluster *cluster;
    enum plan_instance_status status; /* GONE when the view has none */
    bool connected;
    int64_t disconnected_at_ms;
    int64_t draining_at_ms;
    int64_t n_live; /* tasks on it, anybody's, which have not reached STOPPED */
    struct place_list places;
};

/* A deployment's id is its tasks' startedBy: the way from a task to its place. */
struct board_deployment {
    char *id; /* key */
    char *environment;
    UT_hash_handle hh;
};

/* One environment on one container instance. */
struct place {
    struct place_key {
        struct board_environment *environment;
        struct board_instance *instance;
    } key;
    UT_hash_handle hh;
    TAILQ_ENTRY(place) of_environment;
    TAILQ_ENTRY(place) of_instance;
    TAILQ_ENTRY(place) link; /* in `queue` */
    struct place_list *queue;
    RB_ENTRY(place) timer;
    int64_t due_ms; /* monotonic; look again; 0: no timer */

    bool eligible, healthy, settled; /* its share in the environment's counters */
    char *claimant;                  /* ARN of a task which may be ours: plan/instance.h; or NULL */

    int n_calls;           /* to ECS, listings included, not yet answered and committed */
    int64_t wait_revision; /* our last commit here: no decision from a view older than it */
    int64_t settle_ms;     /* monotonic; a start of this process is in doubt, and may be settled by
                              a listing from then on; 0: none */
    int64_t settle_revision; /* the placement's which that start was written with */
};

/* Places in which something is to be done, in the order of the governor's classes. */
enum ready { READY_NOTE, READY_HEAL, READY_PLACE, READY_ROLL, READY_COUNT };

struct board {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* of the monotonic clock */
    bool awake;          /* something happened since the scheduler last looked */
    struct view *view;
    struct view_listener listener;
    int64_t revision;       /* the view's last one whose changes are all on the board */
    int64_t epoch_revision; /* clusters not synced after it are left alone; 0: none seen */

    struct board_cluster *clusters;
    struct board_environment *environments;
    struct board_instance *instances;
    struct board_deployment *deployments;
    struct place *places;

    struct place_list marked;              /* to be looked at */
    struct place_list parked;              /* to be marked when `revision` has reached theirs */
    struct place_list ready[READY_COUNT];  /* looked at: something is to be done */
    struct board_environment_list touched; /* counters or deployment changed */
    struct place_timers timers;
};

/* Makes the board; give board->listener to view_open and then the view to board_watch: until then
 * the follower's first call waits. */
struct board *board_new(void) MUST_CHECK;
void board_watch(struct board *board, struct view *view);
void board_free(struct board *board); /* after the view */
AUTO_DEFINE(board);

void board_lock(struct board *board);
void board_unlock(struct board *board);
/* Lets the scheduler's thread look; with the lock held, like all below. */
void board_wake(struct board *board);
/* Waits until board_wake or until the monotonic time; 0: for ever. */
void board_sleep(struct board *board, int64_t until_ms);

/* Found, or made. */
struct board_cluster *board_cluster(struct board *board, const char *arn);
struct board_environment *board_environment(struct board *board, const char *cluster_arn,
                                            const char *id);
struct board_instance *board_instance(struct board *board, const char *cluster_arn,
                                      const char *arn);
struct place *board_place(struct board *board, struct board_environment *environment,
                          struct board_instance *instance);
/* Found, or NULL: the environment which the deployment with this id belongs to. */
struct board_environment *board_started_by(struct board *board, const char *deployment_id);

/* False after an epoch change, until a drift pass begun after it has completed in the cluster. */
bool board_may_act(const struct board *board, const struct board_environment *environment);

/* To be looked at; nothing happens to a place which is marked already. */
void place_mark(struct board *board, struct place *place);
void board_mark_all(struct board *board);
/* Into another queue, at its end; NULL: into none. */
void place_move(struct place *place, struct place_list *queue, struct board *board);
/* Looks again at the monotonic time; 0: no timer. */
void place_set_timer(struct board *board, struct place *place, int64_t due_ms);
/* Marks the places whose time has come; gives the monotonic time of the next one, 0: none. */
int64_t board_run_timers(struct board *board, int64_t now_ms);
/* The counters of the environment, and the deployment's status with them, want to be looked at. */
void board_touch(struct board *board, struct board_environment *environment);
/* Its share in the counters. */
void place_count(struct board *board, struct place *place, bool eligible, bool healthy,
                 bool settled);

/* Takes the place off the board, and with it what it was the last of. The scheduler's thread only,
 * and nothing may be under way there. */
void place_free(struct board *board, struct place *place);
/* An instance which is gone, with no task and no place left. */
void board_drop_instance(struct board *board, struct board_instance *instance);
/* The environment, when it is no longer alive and has no place left. */
void board_drop_environment(struct board *board, struct board_environment *environment);

#endif
