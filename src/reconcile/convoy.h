/*
 * Batches of messages from several threads, into the store together: a larger commit costs the
 * store and its followers less for each event. A batch that comes alone goes at once; those that
 * come while others are under way wait for them, and then go as one. So nothing waits in order to
 * grow, and the busier it is the larger the commits are.
 *
 * Within one, events of a task are in order; between those under way they may overtake each other.
 * One at a time would spare a task that changes a hundred times a second that, and some CPU, but
 * takes 7 % fewer events on two cores: reading and rendering then wait for the store.
 */
#ifndef BLOX_RECONCILE_CONVOY_H
#define BLOX_RECONCILE_CONVOY_H

#include "reconcile/ingest.h"

#define CONVOYS_MAX      3  /* under way: some are rendered here while the store commits one */
#define CONVOY_MEMBERS   8  /* batches in one */
#define CONVOY_BATCH_MAX 10 /* items of one batch: what SQS gives at once */

struct convoy;

struct convoy *convoy_new(struct store *store); /* keeps it */
void convoy_free(struct convoy *convoy);        /* nobody may be inside a call any more */
AUTO_DEFINE(convoy);

/* Parses and ingests up to CONVOY_BATCH_MAX items, see ingest. From any thread. A failure of the
 * store is that of all who went together. */
int convoy_ingest(struct convoy *convoy, struct ingest_item *items, size_t n,
                  struct error *err) MUST_CHECK;
/* Batches that wait for those under way. From any thread. */
size_t convoy_waiting(struct convoy *convoy);

#endif
