/* How long the backend may take. */
#ifndef BLOX_LAMBDA_PROXY_BUDGET_H
#define BLOX_LAMBDA_PROXY_BUDGET_H

#include <stdint.h>

/* Who waits longer, from the outside in: the gateway 29 s, Lambda 28 s, we, nginx 20 s for a
 * worker, a worker 10 s for AWS. */
#define BUDGET_MS        25000 /* for the backend, all in all */
#define BUDGET_MARGIN_MS 1500  /* of Lambda's deadline, to say that there was no answer */

/* Milliseconds for the backend; 0 or less: there is no time. deadline_ms is Lambda's, 0 when it is
 * not known; both by the wall clock. */
int64_t budget_ms(int64_t deadline_ms, int64_t now_ms);

#endif
