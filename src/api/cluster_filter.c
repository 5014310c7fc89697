/* Names against ARNs. */
#include "api/cluster_filter.h"

#include "model/arn.h"

bool cluster_filter_parse(const struct query *query, struct cluster_filter *out)
{
    const char *cluster = query_filter(query, "cluster");

    *out = (struct cluster_filter){0};
    if (!cluster) {
        return true;
    }
    if (cluster_name_is_valid(cluster)) {
        out->name = cluster;
    } else if (arn_parse(cluster, ARN_CLUSTER, NULL)) {
        out->arn = cluster;
    }
    return out->name || out->arn;
}

bool cluster_filter_match(const struct cluster_filter *filter, const char *cluster_arn)
{
    const char *name = filter->name ? arn_cluster_name(cluster_arn) : NULL;

    if (filter->name) {
        return name && streq(name, filter->name);
    }
    return !filter->arn || streq(filter->arn, cluster_arn);
}
