/*
 * Drift: ECS' whole state against the store's, under the lease. Repairs what events lost, sees what
 * no event tells (attributes), and deletes what ECS no longer has. Clusters are independent of each
 * other: several are passed at once, and each has its own turn (reconcile/rota.h).
 */
#ifndef BLOX_RECONCILE_DRIFT_H
#define BLOX_RECONCILE_DRIFT_H

#include "aws/aws.h"
#include "reconcile/pass.h"
#include "store/lease.h"
#include "store/store.h"
#include "view/view.h"

#define DRIFT_INTERVAL_MS 300000 /* between the beginnings of two passes of a cluster */
#define DRIFT_READS_PER_S 20     /* ECS' own quota */
#define DRIFT_PASSES      3      /* clusters passed at once */

struct drift;

struct drift_options {
    struct aws *aws;     /* kept, like all of these: they must outlive the drift */
    struct store *store; /* */
    struct view *view;
    struct lease *lease;
    int64_t interval_ms; /* 0 means DRIFT_INTERVAL_MS */
    double reads_per_s;  /* the read budget the interval stretches by; 0 means DRIFT_READS_PER_S */
};

/* Starts the threads, which work while the lease is held: a pass of each cluster at the start of
 * each tenure, then every interval. Nothing to fail but threads. */
struct drift *drift_open(const struct drift_options *options, struct error *err) MUST_CHECK;
/* Breaks the passes under way off, and ends the threads. */
void drift_free(struct drift *drift);
AUTO_DEFINE(drift);

/* Asks for a pass of one cluster (ARN), or of all (NULL), that begins after now. A process without
 * the lease leaves the wish in the store, for the one who has it. From any thread. */
void drift_request(struct drift *drift, const char *cluster_arn);

/* An event of the cluster was applied. One of which nothing is known but its events gets a pass of
 * its own, instead of waiting for the next time that ECS' clusters are listed. From any thread. */
void drift_hear(struct drift *drift, const char *cluster_arn);

struct drift_stats {
    int64_t passes;          /* of single clusters, completed */
    int64_t failures;        /* of single clusters, broken off */
    int64_t requests;        /* passes asked for by others, through the store */
    int64_t clusters;        /* known now; 0 without the lease */
    int64_t running;         /* passes under way now */
    struct pass_report work; /* of all passes, those included which were broken off */
};
void drift_stats(struct drift *drift, struct drift_stats *out);

#endif
