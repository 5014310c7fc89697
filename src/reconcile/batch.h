/*
 * Operations on their way into the store, cut into commits which fit its limits. Tasks and
 * instances are written by events, by drift and when they are described; all of them go this way.
 */
#ifndef BLOX_RECONCILE_BATCH_H
#define BLOX_RECONCILE_BATCH_H

#include "model/record.h"
#include "store/store.h"

struct batch_op {
    struct record record; /* without a body: a deletion */
    unsigned conditions;  /* see enum commit_condition */
    int64_t unchanged;
    int64_t since;
    void *item; /* the caller's, for `done` */
};

/* The caller fills in the first half and zeroes the rest; texts are borrowed. */
struct batch {
    struct store *store;
    const char *cause;
    const char *lease_token; /* or NULL */
    /* What became of one operation, called after its commit; or NULL. */
    void (*done)(void *ctx, void *item, enum commit_op_result result);
    void *ctx;

    struct batch_op *ops;
    size_t n;
    size_t bytes;
};

/* Takes the operation's record. Commits what there is when this one would not fit. */
int batch_add(struct batch *batch, const struct batch_op *op, struct error *err) MUST_CHECK;
/* Commits what there is. ERR_CONFLICT when the lease is lost. After an error the operations which
 * were not committed are dropped, and `done` never called for them. */
int batch_flush(struct batch *batch, struct error *err) MUST_CHECK;
/* Drops what was not committed. */
void batch_clear(struct batch *batch);
#define AUTO_BATCH __attribute__((cleanup(batch_clear))) struct batch

#endif
