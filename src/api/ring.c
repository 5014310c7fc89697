/* A circular buffer of pointers which grows with need. */
#include "api/ring.h"

#include <stdlib.h>

#include "util/mem.h"

#define CAP_MIN 1024

void ring_init(struct ring *ring, size_t bytes_max)
{
    *ring = (struct ring){
        .slots = xcalloc(CAP_MIN, sizeof(*ring->slots)), .cap = CAP_MIN, .bytes_max = bytes_max};
}

struct transition *ring_at(const struct ring *ring, size_t i)
{
    return ring->slots[(ring->first + i) & (ring->cap - 1)];
}

static void drop_first(struct ring *ring)
{
    struct transition *oldest = ring_at(ring, 0);

    ring->base = oldest->revision;
    ring->bytes -= oldest->size;
    ring->first = (ring->first + 1) & (ring->cap - 1);
    ring->n--;
    transition_free(oldest);
}

static void grow(struct ring *ring)
{
    struct transition **slots = xcalloc(2 * ring->cap, sizeof(*slots));

    for (size_t i = 0; i < ring->n; i++) {
        slots[i] = ring_at(ring, i);
    }
    free(ring->slots);
    ring->slots = slots;
    ring->cap *= 2;
    ring->first = 0;
}

void ring_add(struct ring *ring, struct transition *transition)
{
    while (ring->n > 0 && ring->bytes + transition->size > ring->bytes_max) {
        drop_first(ring);
    }
    if (ring->n == ring->cap) {
        grow(ring);
    }
    ring->slots[(ring->first + ring->n++) & (ring->cap - 1)] = transition;
    ring->bytes += transition->size;
}

void ring_reset(struct ring *ring, int64_t revision)
{
    while (ring->n > 0) {
        drop_first(ring);
    }
    ring->base = ring->head = revision;
}

void ring_clear(struct ring *ring)
{
    ring_reset(ring, 0);
    free(ring->slots);
    *ring = (struct ring){0};
}

size_t ring_find(const struct ring *ring, int64_t after)
{
    size_t low = 0;
    size_t high = ring->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ring_at(ring, middle)->revision > after) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}
