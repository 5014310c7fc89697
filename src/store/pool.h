/* Inside the store: borrowed connections, and sessions which end up at the primary. */
#ifndef BLOX_STORE_POOL_H
#define BLOX_STORE_POOL_H

#include "store/redis.h"
#include "store/store.h"

/* Some commands on one connection which belong together; may be called again from the start when
 * the server refused because it is not (or not yet) the primary. */
typedef int session_work(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err);

/* Does the work on a connection of one's own: connects where needed, makes sure of the server's
 * identity (epoch.h), and looks for the primary again until the deadline. */
int session_run(struct redis *redis, int64_t deadline_ms, session_work *work, void *ctx,
                struct error *err) MUST_CHECK;
/* The same on a borrowed connection, within the store's timeout. */
int store_run(struct store *store, session_work *work, void *ctx, struct error *err) MUST_CHECK;

/* A connection besides the pool. */
struct redis *store_connection(struct store *store, int wake_fd) MUST_CHECK;
int store_timeout_ms(const struct store *store);
int store_replicas(const struct store *store);
int64_t store_log_max(const struct store *store);

#endif
