/* When what ECS no longer has may be deleted. */
#include "plan/vanish.h"

bool vanish_is_doubtful(const struct vanish_pass *pass)
{
    return pass->n_gone * 3 > pass->n_instances;
}

bool vanish_may_delete(const struct vanish_pass *pass, int64_t at_ms, int64_t missed_at_ms)
{
    if (missed_at_ms > 0 && pass->began_ms - missed_at_ms >= VANISH_AGREE_MS) {
        return true; /* two passes agree */
    }
    return !vanish_is_doubtful(pass) && pass->began_ms - at_ms >= VANISH_AGE_MS;
}
