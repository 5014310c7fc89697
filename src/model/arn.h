/*
 * Amazon Resource Names of ECS clusters, tasks and container instances, in all partitions; tasks
 * and instances with the cluster's name in them (since 2018) or without.
 *
 *     arn:aws:ecs:us-east-1:123456789012:cluster/default
 *     arn:aws:ecs:us-east-1:123456789012:task/default/0f2c...       or task/0f2c...
 *     arn:aws:ecs:us-east-1:123456789012:container-instance/default/9a1b... (or without default/)
 */
#ifndef BLOX_MODEL_ARN_H
#define BLOX_MODEL_ARN_H

#include <stdbool.h>

#include "util/strbuf.h"

enum arn_kind { ARN_CLUSTER, ARN_TASK, ARN_INSTANCE };

#define ARN_LEN_MAX 640 /* longer texts are no ARN */

/* The parts of an ARN; they point into the text it was parsed from and are not NUL-terminated. */
struct arn {
    const char *region;
    size_t region_len;
    const char *account; /* 12 digits */
    const char *cluster; /* the cluster's name; NULL in the old form of tasks and instances */
    size_t cluster_len;
    const char *id; /* of the task or instance; NULL in a cluster's ARN. It runs to the end */
};

/* False when the text is no ARN of that kind; out (may be NULL) is then untouched. */
bool arn_parse(const char *text, enum arn_kind kind, struct arn *out);

/* Whether a client may name a cluster so: 2 to 255 of A-Z a-z 0-9 _ -, the first a letter. ECS has
 * clusters with other names, too (1 to 255 of the same, any first); their ARNs are parsed. */
bool cluster_name_is_valid(const char *name);
/* The name in a cluster's ARN, pointing into it; NULL when the text is no such ARN. */
const char *arn_cluster_name(const char *cluster_arn);
/* Whether it has the length of ECS' ids of tasks and instances: 32 or, until 2018, 36 characters.
 * arn_parse does not ask. Source: "taskId length should be one of [32,36]", ECS. */
bool arn_id_is_valid(const char *id);
/* Whether a task or instance may belong to the cluster: same partition, region and account, and
 * the same cluster name where the ARN says one. False when either is no such ARN. */
bool arn_is_of_cluster(const char *text, enum arn_kind kind, const char *cluster_arn);

#endif
