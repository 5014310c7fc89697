/* The filters of task and instance lists. */
#ifndef BLOX_API_FILTERS_H
#define BLOX_API_FILTERS_H

#include "api/cluster_filter.h"
#include "view/view.h"

/* Which filters a kind of entity has. */
struct filter_rules {
    enum kind kind;
    const char *const *names;    /* parameters, ends with NULL */
    const char *const *statuses; /* in lower case, ends with NULL */
    int status_field;
    int started_by_field; /* -1: none */
};

extern const struct filter_rules task_filters;
extern const struct filter_rules instance_filters;

/* Which were asked for; borrowed from the request, NULL where not. */
struct filters {
    const char *status;
    struct cluster_filter cluster;
    const char *started_by;
};

/* v0.3.0's checks in its order; the text of its 400, or NULL and out. */
const char *filters_parse(const struct filter_rules *rules, const struct query *query,
                          struct filters *out);
bool filters_match(const struct filter_rules *rules, const struct filters *filters,
                   const struct entity *entity);

#endif
