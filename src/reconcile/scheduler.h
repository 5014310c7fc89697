/*
 * The scheduler: a thread which looks at the places the board marks, as soon as they are marked,
 * and has the decisions carried out. It acts under the lease only; without it the board is kept up
 * to date, so that taking over takes no time.
 */
#ifndef BLOX_RECONCILE_SCHEDULER_H
#define BLOX_RECONCILE_SCHEDULER_H

#include "aws/aws.h"
#include "reconcile/board.h"
#include "reconcile/drift.h"
#include "store/lease.h"
#include "store/store.h"

#define SETTLE_AFTER_MS     60000 /* ECS' listings have caught up with a call by then */
#define SETTLE_AFTER_MIN_MS 5000  /* less is refused outside the simulator */

struct scheduler;

struct scheduler_options {
    struct aws *aws;     /* kept, like all of these: they must outlive the scheduler */
    struct store *store; /* */
    struct view *view;
    struct board *board; /* which watches the view */
    struct lease *lease;
    struct drift *drift;     /* asked for passes of clusters never seen; or NULL */
    int64_t settle_after_ms; /* 0 means SETTLE_AFTER_MS */
};

struct scheduler *scheduler_open(const struct scheduler_options *options,
                                 struct error *err) MUST_CHECK;
/* Starts nothing more, waits for what is under way and commits it (at most CALL_TIMEOUT_MS and a
 * little), ends the thread. */
void scheduler_free(struct scheduler *scheduler);
AUTO_DEFINE(scheduler);

#endif
