/* The `cluster` parameter: a name, which may fit clusters of several regions, or one ARN. */
#ifndef BLOX_API_CLUSTER_FILTER_H
#define BLOX_API_CLUSTER_FILTER_H

#include <stdbool.h>

#include "http/query.h"

#define CLUSTER_FILTER_INVALID "Invalid cluster ARN or name"

struct cluster_filter { /* at most one of both; borrowed from the query */
    const char *arn;
    const char *name;
};

/* An absent or empty parameter lets everything through. False when it is neither name nor ARN. */
bool cluster_filter_parse(const struct query *query, struct cluster_filter *out);
bool cluster_filter_match(const struct cluster_filter *filter, const char *cluster_arn);

#endif
