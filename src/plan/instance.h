/*
 * What one environment needs on one container instance now. Pure: time, chance and everything known
 * about the place come in, one decision comes out.
 */
#ifndef BLOX_PLAN_INSTANCE_H
#define BLOX_PLAN_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/placement.h"

#define PLAN_AGENT_GRACE_MS   (5 * 60 * 1000)  /* a disconnected agent's task counts so long */
#define PLAN_DRAIN_TIMEOUT_MS (10 * 60 * 1000) /* ours stop then, whatever else still runs */
#define PLAN_STABLE_MS        (60 * 1000) /* a task which ran so long has not failed to start */
#define PLAN_STOP_AGAIN_MS    (60 * 1000) /* an order to stop without effect is repeated */

#define REASON_CRASHED    "CRASHED"    /* the task stopped by itself or by somebody else's hand */
#define REASON_START_LOST "START-LOST" /* the answer was lost, and so was the start */

enum plan_instance_status {
    PLAN_INSTANCE_ACTIVE,
    PLAN_INSTANCE_DRAINING,
    PLAN_INSTANCE_GONE,  /* INACTIVE, or no longer known */
    PLAN_INSTANCE_OTHER, /* on its way in or out: nothing is done there */
};

/* A task of ours: recorded in the placement. One which the view no longer has is not live. */
struct plan_task {
    bool live;    /* it has not reached STOPPED */
    bool wanted;  /* nobody asked it to stop: its desired status is RUNNING */
    bool running; /* its last status is RUNNING */
    bool current; /* started by the deployment in force */
    int64_t created_at_ms;
    int64_t started_at_ms; /* 0: it never ran */
    int64_t stopped_at_ms; /* 0: it has not stopped, or nobody knows when */
};

/* How a placement in state `starting` came to be without an answer. */
enum plan_doubt {
    PLAN_SURE,     /* it was never sent */
    PLAN_IN_DOUBT, /* it may have taken effect; not before settle_at_ms can a listing say no */
};

struct plan_place {
    int64_t now_ms;  /* Redis' time */
    uint32_t random; /* for jitter */

    bool deployed; /* a deployment is in force: there is something to start */
    enum plan_instance_status status;
    bool connected;             /* its agent */
    int64_t disconnected_at_ms; /* when not */
    int64_t draining_at_ms;     /* when DRAINING */
    bool foreign;               /* a task that belongs to no placement is live there */

    bool placed; /* there is a placement; all below is about it */
    enum placement_state state;
    bool busy;      /* a call or a commit of ours about it is under way */
    bool outdated;  /* written for an earlier deployment */
    bool inherited; /* written under another lease: whether its call was made nobody knows */
    enum plan_doubt doubt;
    int64_t settle_at_ms;
    const char *reason; /* "" or the last failure's code; borrowed */
    int64_t failures;
    int64_t retry_at_ms;
    int64_t at_ms;

    /* A live task with our deployment's id as startedBy which no placement names: it settles a
     * start in doubt, and makes up for a placement which was lost. Beside tasks of the placement it
     * is a start which was forgotten and made again. */
    bool claimant;

    const struct plan_task *tasks;
    size_t n_tasks;
};

enum plan_act {
    PLAN_WAIT,    /* nothing now */
    PLAN_START,   /* StartTask */
    PLAN_STOP,    /* StopTask for every live task but `keep` */
    PLAN_REPLACE, /* the same as soon as the rollout's budget allows it */
    PLAN_ADOPT,   /* name the claimant in the placement */
    PLAN_SETTLE,  /* ask ECS whether the start in doubt happened */
    PLAN_NOTE,    /* only write the placement */
    PLAN_END,     /* drop the placement */
};

#define PLAN_KEEP_NONE SIZE_MAX

struct plan_decision {
    enum plan_act act;
    size_t keep;           /* index of the task which stays */
    int64_t look_again_ms; /* Redis' time; 0: only when something changes */

    /* What the environment's counters see in this instance: struct plan_counts. */
    bool eligible;
    bool healthy;
    bool settled;

    /* The placement as START, STOP, REPLACE and NOTE write it; the reason is borrowed. */
    enum placement_state state;
    const char *reason;
    int64_t failures;
    int64_t retry_at_ms;
};

void plan_instance(const struct plan_place *place, struct plan_decision *out);

#endif
