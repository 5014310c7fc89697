/* What Lambda's deadline leaves. */
#include "lambda-proxy/budget.h"

int64_t budget_ms(int64_t deadline_ms, int64_t now_ms)
{
    /* A deadline from long ago or far away may be anything: no arithmetic before it is compared. */
    if (deadline_ms <= 0 || deadline_ms > now_ms + BUDGET_MARGIN_MS + BUDGET_MS) {
        return BUDGET_MS;
    }
    return deadline_ms - now_ms - BUDGET_MARGIN_MS;
}
