/*
 * A cluster as drift sees it. Its record says up to when the store is known to be true: nothing is
 * started or stopped in a cluster on older knowledge than an epoch change.
 */
#ifndef BLOX_MODEL_CLUSTER_H
#define BLOX_MODEL_CLUSTER_H

#include <stdint.h>

#include "model/kind.h"

/* All texts are borrowed. */
struct cluster {
    const char *arn;
    const char *status;      /* ACTIVE, INACTIVE or MISSING */
    int64_t synced_revision; /* the store's revision when the last completed drift pass began */
    int64_t synced_at_ms;    /* the store's time when that pass was completed */
};

/* The field line; out is a fresh strbuf. */
void cluster_fields(const struct cluster *cluster, struct strbuf *out);
/* The stored body, one JSON object; out is a fresh strbuf. */
void cluster_body(const struct cluster *cluster, struct strbuf *out);

#endif
