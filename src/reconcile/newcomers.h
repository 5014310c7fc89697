/*
 * Newcomers: container instances first seen by an event. An event does not tell all that Describe
 * does (registeredAt, tags, task counts), so they are described soon after, many at once.
 */
#ifndef BLOX_RECONCILE_NEWCOMERS_H
#define BLOX_RECONCILE_NEWCOMERS_H

#include "aws/aws.h"
#include "store/store.h"

#define NEWCOMERS_GATHER_MS 1000  /* from the first one to the call, so that a fleet shares it */
#define NEWCOMERS_MAX       10000 /* more are left to the next drift pass */

struct newcomers;

/* Starts the thread; aws and store are kept and must outlive it. */
struct newcomers *newcomers_open(struct aws *aws, struct store *store,
                                 struct error *err) MUST_CHECK;
void newcomers_free(struct newcomers *newcomers);
AUTO_DEFINE(newcomers);

/* Both ARNs are copied. From any thread. */
void newcomers_add(struct newcomers *newcomers, const char *cluster_arn, const char *instance_arn);

#endif
