/*
 * When what ECS no longer has may be deleted. ECS' answers lag and its listings have been wrong:
 * what is young, or would be a great loss, waits until a second pass agrees.
 */
#ifndef BLOX_PLAN_VANISH_H
#define BLOX_PLAN_VANISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VANISH_AGE_MS   600000 /* last written so long before the pass began: one pass is enough */
#define VANISH_AGREE_MS 10000  /* passes closer to each other are one opinion, not two */

/* One pass of one cluster. */
struct vanish_pass {
    int64_t began_ms;   /* the store's time */
    size_t n_instances; /* stored which are not INACTIVE, when the pass began */
    size_t n_gone;      /* of these, how many ECS says are MISSING */
};

/* Whether so many vanish at once (more than a third) that one pass is not believed. */
bool vanish_is_doubtful(const struct vanish_pass *pass);

/*
 * Whether a stored task or instance which is MISSING in this pass may be deleted. at_ms is when it
 * was last written; missed_at_ms when the first pass in a row that missed it began, 0: this one is
 * the first.
 */
bool vanish_may_delete(const struct vanish_pass *pass, int64_t at_ms, int64_t missed_at_ms);

#endif
