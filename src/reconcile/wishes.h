/* Wishes for drift passes, which find their way to the lease holder through the store. */
#ifndef BLOX_RECONCILE_WISHES_H
#define BLOX_RECONCILE_WISHES_H

#include "store/store.h"
#include "view/view.h"

/* Leaves one: a cluster's ARN, or NULL for all. */
int wish_leave(struct store *store, const char *cluster_arn, struct error *err) MUST_CHECK;

/* Takes those which the view knows off the store; `each` is told of every one that went. What was
 * repeated meanwhile stays, and is found again. ERR_CONFLICT: the lease is lost. */
int wishes_take(struct store *store, struct view *view, const char *lease_token,
                void (*each)(void *ctx, const char *cluster_arn), void *ctx,
                struct error *err) MUST_CHECK;

#endif
