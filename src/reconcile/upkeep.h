/*
 * Upkeep, once a minute under the lease: what has had its time goes. STOPPED tasks, tombstones, old
 * log entries, deleted environments.
 */
#ifndef BLOX_RECONCILE_UPKEEP_H
#define BLOX_RECONCILE_UPKEEP_H

#include "store/lease.h"
#include "store/store.h"
#include "view/view.h"

#define STOPPED_TASK_AGE_MS        3600000        /* a STOPPED task is kept after stoppedAt */
#define TOMBSTONE_AGE_MS           (3 * 3600000)  /* a late event revives nothing for so long */
#define DELETED_ENVIRONMENT_AGE_MS (24 * 3600000) /* it is readable by its id for so long */
#define LOG_AGE_MS                 (24 * 3600000)

struct upkeep;

struct upkeep_options {
    struct store *store; /* kept, like all of these: they must outlive the upkeep */
    struct view *view;
    struct lease *lease;
    int64_t log_age_ms; /* entries of the log are kept so long; 0 means LOG_AGE_MS */
};

/* Starts the thread; errors: ERR_INTERNAL when it cannot. */
struct upkeep *upkeep_open(const struct upkeep_options *options, struct error *err) MUST_CHECK;
void upkeep_free(struct upkeep *upkeep);
AUTO_DEFINE(upkeep);

#endif
