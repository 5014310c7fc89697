/*
 * Drift: ECS' whole state against the store's, under the lease. Repairs what events lost, sees what
 * no event tells (attributes), and deletes what ECS no longer has. One thread; clusters are
 * independent of each other, the failure of one stops no other.
 */
#ifndef BLOX_RECONCILE_DRIFT_H
#define BLOX_RECONCILE_DRIFT_H

#include "aws/aws.h"
#include "store/lease.h"
#include "store/store.h"
#include "view/view.h"

#define DRIFT_INTERVAL_MS    300000 /* between the beginnings of two passes */
#define DRIFT_BUDGET_PERCENT 20     /* of the read budget, which passes take on average at most */

struct drift;

struct drift_options {
    struct aws *aws;     /* kept, like all of these: they must outlive the drift */
    struct store *store; /* */
    struct view *view;
    struct lease *lease;
    int64_t interval_ms; /* 0 means DRIFT_INTERVAL_MS */
    double reads_per_s;  /* the read budget the interval stretches by; 0 means 20 */
};

/* Starts the thread, which works while the lease is held: a pass at the start of each tenure, then
 * every interval. Nothing to fail but threads. */
struct drift *drift_open(const struct drift_options *options, struct error *err) MUST_CHECK;
/* Breaks the pass under way off, and ends the thread. */
void drift_free(struct drift *drift);
AUTO_DEFINE(drift);

/* Asks for a pass of one cluster (ARN), or of all (NULL), as soon as the present one is done. What
 * is asked of a process without the lease waits until it has it, when all are passed anyway. */
void drift_request(struct drift *drift, const char *cluster_arn);

struct drift_stats {
    int64_t passes;   /* of single clusters, completed */
    int64_t failures; /* of single clusters, broken off */
    int64_t missed;   /* tasks and instances the events had not told of */
    int64_t outdated; /* ... whose later version the events had not told of */
    int64_t changed;  /* ... of the same version which looked different */
    int64_t deleted;  /* ... which ECS no longer has */
    int64_t held;     /* deletions which waited for a second pass to agree */
    int64_t skipped;  /* ... which ECS described without what we need */
};
void drift_stats(struct drift *drift, struct drift_stats *out);

#endif
