/* Looking at a place: everything the view knows of it goes to the plan, and the plan's decision
 * comes back. With the board's lock held, by the scheduler's thread. */
#ifndef BLOX_RECONCILE_LOOK_H
#define BLOX_RECONCILE_LOOK_H

#include "reconcile/board.h"
#include "store/lease.h"

/* Under which lease, and when a predecessor's calls cannot matter any more. */
struct look_tenure {
    char token[LEASE_TOKEN_LEN];
    int64_t settle_ms; /* monotonic: a listing made from then on settles a predecessor's starts */
};

/* A place as it was seen, and what is to be done there. */
struct look {
    struct plan_decision decision; /* its reason is `reason`, or a constant */
    struct entity *placement;      /* a reference, or NULL */
    struct entity **tasks;         /* those the placement names, in its order; NULL where unknown */
    size_t n_tasks;
    struct entity *claimant; /* or NULL */
    bool outdated;           /* the placement is an earlier deployment's */
};
#define AUTO_LOOK __attribute__((cleanup(look_clear))) struct look
void look_clear(struct look *look);

/* Decides. False, and nothing in *out, when the board is older than our own last commit there: the
 * place is then parked. Also keeps the counters and the timer of the place. */
bool look_at(struct board *board, struct place *place, const struct look_tenure *tenure,
             struct look *out);

/* The place means nothing any more and nothing is under way there. */
bool look_is_empty(const struct place *place, const struct look *look);

#endif
