/* A batch of messages from the queue into the store: parse, read what is stored, merge, commit. */
#include "reconcile/ingest.h"

#include <assert.h>
#include <stdlib.h>

#include "reconcile/batch.h"
#include "reconcile/upkeep.h"

#define RACES_MAX 20 /* rounds beyond one a message: somebody else keeps writing the same key */

/* One round: of each task and instance the oldest version which is not settled yet. */
struct round {
    int64_t now_ms;
    struct ingest_item *items[INGEST_MAX];
    struct stored stored[INGEST_MAX];
    size_t n;
};

void ingest_item_clear(struct ingest_item *item)
{
    event_free(item->event);
    item->event = NULL;
}

static void parse(struct ingest_item *item)
{
    item->event = event_parse(item->body, strlen(item->body), &item->flaw, &item->why);
    if (!item->event) {
        item->result = INGEST_REJECTED;
    } else if (item->home && event_check_home(item->event, item->home, &item->why) < 0) {
        item->result = INGEST_REJECTED;
        item->flaw = EVENT_FOREIGN;
    }
}

void ingest_parse(struct ingest_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        parse(&items[i]);
    }
}

/* Pending events by kind, key and version; whatever else comes last. */
static int compare_items(const void *a, const void *b)
{
    const struct ingest_item *x = *(struct ingest_item *const *)a;
    const struct ingest_item *y = *(struct ingest_item *const *)b;

    if (!x->event || !y->event) {
        return !x->event - !y->event;
    }
    if (x->event->kind != y->event->kind) {
        return x->event->kind < y->event->kind ? -1 : 1;
    }
    int keys = strcmp(x->event->key, y->event->key);

    return keys ? keys
                : (x->event->version > y->event->version) - (x->event->version < y->event->version);
}

static bool same_entity(const struct event *a, const struct event *b)
{
    return a->kind == b->kind && streq(a->key, b->key);
}

/* Picks from the sorted items; their order brings each kind together. */
static void pick(struct ingest_item *const *sorted, size_t n, struct round *round)
{
    round->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct ingest_item *item = sorted[i];
        const struct ingest_item *last = round->n > 0 ? round->items[round->n - 1] : NULL;

        if (item->result == INGEST_PENDING && (!last || !same_entity(item->event, last->event))) {
            round->items[round->n++] = item;
        }
    }
}

/* Reads what is stored of each: one call a kind. */
static int read_stored(struct store *store, struct round *round, struct error *err)
{
    for (size_t from = 0, to; from < round->n; from = to) {
        enum kind kind = round->items[from]->event->kind;
        const char *keys[INGEST_MAX];

        for (to = from; to < round->n && round->items[to]->event->kind == kind; to++) {
            keys[to - from] = round->items[to]->event->key;
        }
        if (store_read(store, kind, keys, to - from, round->stored + from, err) < 0) {
            stored_clear(round->stored, from);
            return -1;
        }
    }
    return 0;
}

/* Whether the event says nothing new; it is then settled. */
static bool settle_old(struct ingest_item *item, const struct stored *stored, int64_t now_ms)
{
    const struct event *event = item->event;
    int64_t version = stored->revision > 0 ? strtoll(stored->version, NULL, 10) : -1;

    if (stored->revision > 0 && event->version <= version) {
        item->result = event->version == version ? INGEST_REPEATED : INGEST_OVERTAKEN;
    } else if (stored->revision == 0 && event->time_ms > 0 &&
               now_ms - event->time_ms > TOMBSTONE_AGE_MS) {
        item->result = INGEST_TOO_OLD;
    }
    return item->result != INGEST_PENDING;
}

/* Merges one event into what is stored, and puts the outcome into the batch. */
static int prepare(struct round *round, size_t i, struct batch *batch, struct error *err)
{
    struct ingest_item *item = round->items[i];
    const struct stored *stored = &round->stored[i];
    struct batch_op op = {
        .conditions = COMMIT_NEWER | COMMIT_UNCHANGED,
        .unchanged = stored->revision,
        .item = item,
    };

    if (settle_old(item, stored, round->now_ms)) {
        return 0;
    }
    if (event_record(item->event, stored->raw, &op.record, &item->why) < 0) {
        item->result = INGEST_REJECTED;
        item->flaw = EVENT_INCOMPLETE;
        return 0;
    }
    item->first_seen = op.record.kind == KIND_INSTANCE && !stored->raw;
    return batch_add(batch, &op, err);
}

/* One which CHANGED under our hands stays pending, for the next round. */
static void settle(void *ctx, void *item, enum commit_op_result result)
{
    (void)ctx;
    if (result == COMMIT_APPLIED) {
        ((struct ingest_item *)item)->result = INGEST_APPLIED;
    } else if (result == COMMIT_STALE) {
        ((struct ingest_item *)item)->result = INGEST_OVERTAKEN; /* since it was read */
    }
}

static int run_round(struct store *store, struct round *round, struct error *err)
{
    AUTO_BATCH batch = {.store = store, .cause = "event", .done = settle};
    int outcome = 0;

    if (read_stored(store, round, err) < 0) {
        return -1;
    }
    for (size_t i = 0; outcome == 0 && i < round->n; i++) {
        outcome = prepare(round, i, &batch, err);
    }
    if (outcome == 0) {
        outcome = batch_flush(&batch, err);
    }
    stored_clear(round->stored, round->n);
    return outcome;
}

int ingest(struct store *store, int64_t now_ms, struct ingest_item *items, size_t n,
           struct error *err)
{
    struct ingest_item *sorted[INGEST_MAX];
    struct round round = {.now_ms = now_ms};

    assert(n <= INGEST_MAX);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &items[i];
    }
    qsort(sorted, n, sizeof(sorted[0]), compare_items);
    for (size_t rounds = 0; rounds < n + RACES_MAX; rounds++) {
        pick(sorted, n, &round);
        if (round.n == 0) {
            return 0;
        }
        if (run_round(store, &round, err) < 0) {
            return -1;
        }
    }
    return error_set(err, ERR_UNAVAILABLE, "others keep writing the same entities");
}
