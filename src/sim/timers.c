/* What is to happen later, ordered by when. */
#include "sim/timers.h"

static int compare(const struct timer *a, const struct timer *b)
{
    if (a->due_ms != b->due_ms) {
        return a->due_ms < b->due_ms ? -1 : 1;
    }
    return (a->seq > b->seq) - (a->seq < b->seq);
}

TREE_FUNCTIONS(timer_tree, timer, node, compare);

bool timer_set(struct timers *timers, struct timer *timer, int64_t due_ms,
               void (*fire)(void *ctx, struct timer *timer))
{
    timer_cancel(timers, timer);
    timer->due_ms = due_ms;
    timer->seq = ++timers->seq;
    timer->fire = fire;
    timer->armed = true;
    RB_INSERT(timer_tree, &timers->tree, timer);
    return RB_MIN(timer_tree, &timers->tree) == timer;
}

void timer_cancel(struct timers *timers, struct timer *timer)
{
    if (timer->armed) {
        RB_REMOVE(timer_tree, &timers->tree, timer);
        timer->armed = false;
    }
}

int64_t timers_run(struct timers *timers, int64_t now_ms, void *ctx)
{
    for (;;) {
        struct timer *first = RB_MIN(timer_tree, &timers->tree);

        if (!first) {
            return INT64_MAX;
        }
        if (first->due_ms > now_ms) {
            return first->due_ms;
        }
        timer_cancel(timers, first);
        first->fire(ctx, first); /* which may set it again, or free it */
    }
}
