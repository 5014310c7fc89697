/*
 * A survey: everything ECS has in one cluster, and everything stored of it, described. Several
 * calls are under way at once, so that ECS' quota sets the pace and not its latency: what is stored
 * is described while the listings are still being read.
 */
#ifndef BLOX_RECONCILE_SURVEY_H
#define BLOX_RECONCILE_SURVEY_H

#include "aws/ecs.h"
#include "view/view.h"

#define SURVEY_THREADS 4 /* calls under way at once */
#define SURVEY_KINDS   2 /* KIND_TASK and KIND_INSTANCE, which come first in enum kind */

struct survey {
    struct ecs ecs;
    const char *cluster;                            /* ARN */
    const struct entity_list *stored[SURVEY_KINDS]; /* by kind, in order of key */
    bool (*stopping)(void *ctx); /* asked between calls: true breaks the survey off */
    void *stopping_ctx;
    /* One answer of Describe. These are called by several threads at once. */
    int (*described)(void *ctx, enum kind kind, json_t *found, json_t *failures, struct error *err);
    void *ctx;
};

/* The entity with this key, or NULL. */
const struct entity *survey_stored(const struct survey *survey, enum kind kind, const char *key);

/*
 * Describes what ECS lists and what is stored: INACTIVE instances are never listed, and a listing
 * may lag. Each ARN is asked for once. *reads is added to, also when it fails: then with the first
 * error of a call or of `described`, ERR_CONFLICT when it was broken off.
 */
int survey_run(const struct survey *survey, int64_t *reads, struct error *err) MUST_CHECK;

#endif
