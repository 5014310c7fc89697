/* How long to wait after failures in a row. */
#ifndef BLOX_PLAN_BACKOFF_H
#define BLOX_PLAN_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_MS 1000  /* after the first failure, before jitter */
#define BACKOFF_CAP_MS   60000 /* never longer */
#define BACKOFF_TICK_MS  1000

/* Milliseconds: doubles with each failure up to the cap; of it, between half and all, as `random`
 * has it, so that a thousand instances which failed together do not come back together.
 * failures is 1 or more; 0 gives 0. */
int64_t backoff_ms(int64_t failures, uint32_t random);

/* When such a wait which begins now is over, in whole seconds of the clock: places which failed for
 * the same reason then come back some at a time, and ten share a call. */
int64_t backoff_until_ms(int64_t now_ms, int64_t failures, uint32_t random);

#endif
