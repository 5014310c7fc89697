/*
 * A batch of messages from the queue into the store: parse, read what is stored, merge, commit.
 * Several versions of one task or instance go into consecutive commits, in order: whoever streams
 * sees each of them.
 */
#ifndef BLOX_RECONCILE_INGEST_H
#define BLOX_RECONCILE_INGEST_H

#include "model/event.h"
#include "store/store.h"

#define INGEST_MAX 256 /* messages at once */

enum ingest_result {
    INGEST_PENDING, /* not done: the message must come again */
    INGEST_APPLIED,
    INGEST_REPEATED,  /* what is stored has its version */
    INGEST_OVERTAKEN, /* ... or a later one: it came late, or once more */
    INGEST_TOO_OLD,   /* unknown, and so old that its deletion may have been forgotten */
    INGEST_REJECTED,  /* can never be applied; `why` tells the reason */
    INGEST_RESULTS,
};

struct ingest_item {
    const char *body; /* of the message, borrowed; the caller fills it in and zeroes the rest */
    const struct event_home *home; /* borrowed; NULL: anybody's events are applied */
    enum ingest_result result;
    struct error why;
    enum event_flaw flaw; /* when REJECTED */
    struct event *event;  /* NULL when it was not even one */
    bool first_seen;      /* an instance of which nothing was stored */
};
void ingest_item_clear(struct ingest_item *item);

/* Reads the bodies: the part of the work that needs nobody else. What is no event of ours is
 * settled by it. */
void ingest_parse(struct ingest_item *items, size_t n);

/*
 * Settles each parsed item, in its own order of applying; the array keeps its order. now_ms is the
 * wall clock, compared with the events' own times. -1 when the store failed: what is still
 * INGEST_PENDING then was not applied, or is in doubt, and may be repeated.
 */
int ingest(struct store *store, int64_t now_ms, struct ingest_item *items, size_t n,
           struct error *err) MUST_CHECK;

#endif
