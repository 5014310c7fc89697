/* The last changes, ready for streams, up to so many bytes. One thread's: it has no lock. */
#ifndef BLOX_API_RING_H
#define BLOX_API_RING_H

#include "api/transition.h"

struct ring {
    struct transition **slots;
    size_t cap;   /* a power of two */
    size_t first; /* slot of the oldest */
    size_t n;
    size_t bytes;
    size_t bytes_max;
    int64_t base; /* it has every change after this revision ... */
    int64_t head; /* ... up to this one, which ends a commit */
};

void ring_init(struct ring *ring, size_t bytes_max);
void ring_clear(struct ring *ring);
/* Takes the change; older ones make room. */
void ring_add(struct ring *ring, struct transition *transition);
/* Forgets everything: the changes up to the revision are not known here. */
void ring_reset(struct ring *ring, int64_t revision);
/* The i-th of those which are there, oldest first. */
struct transition *ring_at(const struct ring *ring, size_t i);
/* The first one after the revision; ring->n when there is none. */
size_t ring_find(const struct ring *ring, int64_t after);

#endif
