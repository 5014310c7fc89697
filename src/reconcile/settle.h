/* Starts in doubt, settled by asking ECS: a thread which lists the tasks a deployment started and
 * describes them. */
#ifndef BLOX_RECONCILE_SETTLE_H
#define BLOX_RECONCILE_SETTLE_H

#include "aws/aws.h"

struct errand;
struct settler;

struct settler *settler_open(struct aws *aws, struct error *err) MUST_CHECK;
/* Breaks the listing under way off; it and what is asked later are answered with an error. */
void settler_stop(struct settler *settler);
/* The same, and ends the thread. */
void settler_free(struct settler *settler);
AUTO_DEFINE(settler);

/* Takes a ERRAND_SETTLE whose steps are of one deployment, and gives it back by errand_answered,
 * with every task of the deployment whose desired status is RUNNING. */
void settler_ask(struct settler *settler, struct errand *errand);

#endif
