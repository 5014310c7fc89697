/* Deployments as a whole: the budget for replacing tasks, and how far they have come. */
#ifndef BLOX_RECONCILE_ROLLOUTS_H
#define BLOX_RECONCILE_ROLLOUTS_H

#include "reconcile/apply.h"
#include "reconcile/board.h"
#include "reconcile/drift.h"
#include "reconcile/look.h"
#include "store/store.h"

/* A deployment's status which is to be written. */
struct rollout_note {
    STAILQ_ENTRY(rollout_note) link;
    struct entity *deployment; /* a reference */
    enum deployment_status status;
    size_t eligible, failed; /* for the log */
};
STAILQ_HEAD(rollout_notes, rollout_note);

/*
 * Works off the touched environments whose places have all been looked at: replaces tasks as far as
 * the budget and the room for calls allow, notes status changes, asks drift for clusters never
 * seen. Those which cannot be finished now stay touched. With the board's lock held.
 */
void rollouts_step(struct board *board, struct apply *apply, const struct look_tenure *tenure,
                   struct drift *drift, bool may_act, struct rollout_notes *notes);

/* Commits the notes, and empties the list whatever comes of it; without the lock. */
int rollouts_write(struct board *board, struct store *store, const char *lease_token,
                   struct rollout_notes *notes, struct error *err) MUST_CHECK;

#endif
