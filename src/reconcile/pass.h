/* One drift pass of one cluster: everything ECS has in it against everything stored of it. */
#ifndef BLOX_RECONCILE_PASS_H
#define BLOX_RECONCILE_PASS_H

#include "aws/ecs.h"
#include "reconcile/sweep.h"
#include "store/store.h"
#include "view/view.h"

struct pass_tools {
    struct ecs ecs;
    struct store *store;
    struct view *view;
    const char *lease_token;
    bool (*stopping)(void *ctx); /* asked between calls: true breaks the pass off */
    void *ctx;
};

struct pass_report {
    size_t instances, tasks; /* which ECS described */
    int64_t reads;           /* calls to ECS */
    int64_t missed;          /* tasks and instances the events had not told of */
    int64_t outdated;        /* ... whose later version the events had not told of */
    int64_t changed;         /* ... of the same version which looked different */
    int64_t filled;          /* ... known from events alone until now: no repair, they say less */
    int64_t deleted;         /* ... which ECS no longer has */
    int64_t held;            /* deletions which wait for a second pass to agree */
    int64_t skipped;         /* ... which ECS described without what we need */
};
void pass_report_add(struct pass_report *sum, const struct pass_report *more);

/*
 * is_listed: ListClusters named it; otherwise ECS is asked, and a cluster which is MISSING or
 * INACTIVE has nothing. Writes the cluster's record at the end. ERR_CONFLICT: the lease is lost.
 * After any error `missed` is as before: what was not deleted is looked at again.
 */
int pass_run(const struct pass_tools *tools, const char *cluster_arn, bool is_listed,
             struct missed **missed, struct pass_report *report, struct error *err) MUST_CHECK;

#endif
