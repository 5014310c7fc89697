/* Batches of messages from several threads, into the store together. */
#include "reconcile/convoy.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "util/clock.h"
#include "util/mem.h"

STAILQ_HEAD(members, member);

/* One thread's batch, on its stack. */
struct member {
    STAILQ_ENTRY(member) link;
    struct ingest_item *items;
    size_t n;
    pthread_cond_t turn; /* when it leads or is done */
    bool leads;
    struct members led; /* itself among them */
    bool done;
    int outcome;
    struct error err;
};

struct convoy {
    struct store *store;
    pthread_mutex_t lock;
    struct members waiting; /* while CONVOYS_MAX are under way; empty otherwise */
    int under_way;
};

struct convoy *convoy_new(struct store *store)
{
    struct convoy *convoy = xcalloc(1, sizeof(*convoy));

    convoy->store = store;
    pthread_mutex_init(&convoy->lock, NULL);
    STAILQ_INIT(&convoy->waiting);
    return convoy;
}

void convoy_free(struct convoy *convoy)
{
    if (convoy) {
        pthread_mutex_destroy(&convoy->lock);
        free(convoy);
    }
}

/* Ingests the members' items as one batch, and gives each member its own back. */
static void ingest_together(struct store *store, const struct members *members)
{
    struct ingest_item items[CONVOY_MEMBERS * CONVOY_BATCH_MAX];
    struct member *member = NULL;
    struct error err = {0};
    size_t n = 0;

    STAILQ_FOREACH(member, members, link)
    {
        memcpy(items + n, member->items, member->n * sizeof(*items));
        n += member->n;
    }
    int outcome = ingest(store, clock_wall_ms(), items, n, &err);

    n = 0;
    STAILQ_FOREACH(member, members, link)
    {
        memcpy(member->items, items + n, member->n * sizeof(*items));
        n += member->n;
        member->outcome = outcome;
        member->err = err;
    }
}

/* Under the lock, like all below. NULL: nobody waits. */
static struct member *take_waiting(struct convoy *convoy)
{
    struct member *member = STAILQ_FIRST(&convoy->waiting);

    if (member) {
        STAILQ_REMOVE_HEAD(&convoy->waiting, link);
    }
    return member;
}

/* Those who wait now go with it. */
static void set_out(struct convoy *convoy, struct member *leader)
{
    struct member *member = leader;

    STAILQ_INIT(&leader->led);
    for (int i = 1; member; i++) {
        STAILQ_INSERT_TAIL(&leader->led, member, link);
        member = i < CONVOY_MEMBERS ? take_waiting(convoy) : NULL;
    }
    leader->leads = true;
    pthread_cond_signal(&leader->turn);
}

static void tell_done(struct members *members)
{
    struct member *member = NULL;

    while ((member = STAILQ_FIRST(members))) {
        STAILQ_REMOVE_HEAD(members, link);
        member->done = true; /* its thread may end it as soon as the lock is free */
        pthread_cond_signal(&member->turn);
    }
}

/* Drops the lock for the work itself. Then the next in line leads. */
static void lead(struct convoy *convoy, struct member *self)
{
    pthread_mutex_unlock(&convoy->lock);
    ingest_together(convoy->store, &self->led);
    pthread_mutex_lock(&convoy->lock);
    struct member *next = take_waiting(convoy);

    if (next) { /* first of all: the more wait for it */
        set_out(convoy, next);
    } else {
        convoy->under_way--;
    }
    tell_done(&self->led);
}

int convoy_ingest(struct convoy *convoy, struct ingest_item *items, size_t n, struct error *err)
{
    struct member self = {.items = items, .n = n, .turn = PTHREAD_COND_INITIALIZER};

    assert(n <= CONVOY_BATCH_MAX);
    ingest_parse(items, n);
    pthread_mutex_lock(&convoy->lock);
    if (convoy->under_way < CONVOYS_MAX) {
        convoy->under_way++;
        set_out(convoy, &self);
    } else {
        STAILQ_INSERT_TAIL(&convoy->waiting, &self, link);
    }
    while (!self.leads && !self.done) { /* those ahead have the store's deadlines */
        pthread_cond_wait(&self.turn, &convoy->lock);
    }
    if (self.leads) {
        lead(convoy, &self);
    }
    pthread_mutex_unlock(&convoy->lock);
    pthread_cond_destroy(&self.turn);
    return self.outcome == 0 ? 0 : error_set(err, self.err.code, "%s", self.err.text);
}

size_t convoy_waiting(struct convoy *convoy)
{
    struct member *member = NULL;
    size_t n = 0;

    pthread_mutex_lock(&convoy->lock);
    STAILQ_FOREACH(member, &convoy->waiting, link)
    {
        n++;
    }
    pthread_mutex_unlock(&convoy->lock);
    return n;
}
