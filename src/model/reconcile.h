/*
 * A wish for a drift pass, left in the store by a process which does not hold the lease. Who holds
 * it takes the wish off the store and fulfils it; a new holder passes every cluster anyway.
 */
#ifndef BLOX_MODEL_RECONCILE_H
#define BLOX_MODEL_RECONCILE_H

#include <stdint.h>

#include "model/kind.h"

struct reconcile {
    const char *cluster; /* ARN; "": all clusters, also those nobody knows yet */
};

/* The key in the store. */
const char *reconcile_key(const struct reconcile *reconcile);
/* The field line; out is a fresh strbuf. */
void reconcile_fields(const struct reconcile *reconcile, struct strbuf *out);
/* The stored body, one JSON object; out is a fresh strbuf. */
void reconcile_body(const struct reconcile *reconcile, struct strbuf *out);

#endif
