/* What is to happen later, ordered by when. The owner's lock guards it. */
#ifndef BLOX_SIM_TIMERS_H
#define BLOX_SIM_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/tree.h"

struct timer {
    RB_ENTRY(timer) node;
    int64_t due_ms; /* CLOCK_MONOTONIC */
    uint64_t seq;   /* equal times fire in the order they were set */
    bool armed;
    void (*fire)(void *ctx, struct timer *timer);
};

RB_HEAD(timer_tree, timer);

struct timers {
    struct timer_tree tree;
    uint64_t seq;
};

/* Sets the timer anew; true when it is now the first to fire, so that a sleeper has to be woken. */
bool timer_set(struct timers *timers, struct timer *timer, int64_t due_ms,
               void (*fire)(void *ctx, struct timer *timer));
void timer_cancel(struct timers *timers, struct timer *timer);
/* Fires what is due; gives the time of the next one, or INT64_MAX. */
int64_t timers_run(struct timers *timers, int64_t now_ms, void *ctx);

#endif
