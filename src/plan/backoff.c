/* Exponential back-off with jitter and a cap. */
#include "plan/backoff.h"

int64_t backoff_ms(int64_t failures, uint32_t random)
{
    int64_t whole = BACKOFF_FIRST_MS;

    if (failures <= 0) {
        return 0;
    }
    for (int64_t n = 1; n < failures && whole < BACKOFF_CAP_MS; n++) {
        whole *= 2;
    }
    if (whole > BACKOFF_CAP_MS) {
        whole = BACKOFF_CAP_MS;
    }
    return whole / 2 + random % (whole / 2 + 1);
}

int64_t backoff_until_ms(int64_t now_ms, int64_t failures, uint32_t random)
{
    int64_t until_ms = now_ms + backoff_ms(failures, random);

    return (until_ms + BACKOFF_TICK_MS - 1) / BACKOFF_TICK_MS * BACKOFF_TICK_MS;
}
