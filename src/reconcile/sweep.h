/* The end of a drift pass: what ECS no longer has is deleted, by the rules of plan/vanish.h. */
#ifndef BLOX_RECONCILE_SWEEP_H
#define BLOX_RECONCILE_SWEEP_H

#include <jansson.h>
#include <uthash.h>

#include "store/store.h"
#include "view/view.h"

/* What passes of a cluster remember for the next: what ECS said was MISSING and still stands. */
struct missed {
    int64_t at_ms; /* when the first pass in a row that missed it began */
    UT_hash_handle hh;
    char arn[];
};
void missed_forget(struct missed **missed);

struct sweep {
    struct store *store;
    const char *lease_token;
    const char *cluster;                         /* ARN */
    int64_t began_ms;                            /* when the pass began, the store's time */
    const struct entity_list *instances, *tasks; /* stored when the pass began */
    const json_t *gone; /* a set: the ARNs of those which ECS says are MISSING */
};

/* Deletes what may go, if it is unchanged; what has to wait is kept in *missed, and whatever is
 * there again is forgotten. After an error *missed is as before. The counters are added to. */
int sweep_gone(const struct sweep *sweep, struct missed **missed, int64_t *deleted, int64_t *held,
               struct error *err) MUST_CHECK;

#endif
