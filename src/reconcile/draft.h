/* One commit of the scheduler's in the making: its operations, and the texts they borrow. */
#ifndef BLOX_RECONCILE_DRAFT_H
#define BLOX_RECONCILE_DRAFT_H

#include <jansson.h>

#include "model/deployment.h"
#include "model/placement.h"
#include "store/store.h"

#define DRAFT_BYTES_MAX (COMMIT_BYTES_MAX / 2) /* left to what the store adds around our texts */

struct draft {
    struct commit_op ops[COMMIT_OPS_MAX];
    size_t n;
    size_t bytes;
    char **texts; /* owned */
    size_t n_texts;
};

#define AUTO_DRAFT __attribute__((cleanup(draft_clear))) struct draft
void draft_clear(struct draft *draft);

/* Room for n more operations of ordinary size. */
bool draft_has_room(const struct draft *draft, size_t n);

/* Writes the placement if it still stands at the revision; 0: if there is none. A placement which
 * exists and changed is skipped, one which should not exist and does is a conflict of the whole
 * commit (store.h). */
void draft_placement(struct draft *draft, const struct placement *placement, int64_t revision);
/* The draft writes this placement already: a commit names a key once. */
bool draft_names_placement(const struct draft *draft, const struct placement *placement);
/* Deletes it if it still stands at the revision. */
void draft_drop_placement(struct draft *draft, const char *environment_id, const char *instance_arn,
                          int64_t revision);
/* Stores the task as ECS answered with it, unless a newer version is known. False when ECS left
 * out what a task cannot be without: drift will see it. */
bool draft_task(struct draft *draft, const json_t *described, const char *cluster_arn);
/* Writes the deployment if it still stands at the revision. */
void draft_deployment(struct draft *draft, const struct deployment *deployment, int64_t revision);

/* Takes the operation out, after a conflict. */
void draft_remove(struct draft *draft, size_t op);

#endif
