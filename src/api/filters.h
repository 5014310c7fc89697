/* The filters of task and instance lists. */
#ifndef BLOX_API_FILTERS_H
#define BLOX_API_FILTERS_H

#include "api/cluster_filter.h"
#include "plan/selector.h"
#include "view/view.h"

/* Which filters a kind of entity has. */
struct filter_rules {
    enum kind kind;
    const char *const *names;    /* parameters, ends with NULL */
    const char *const *statuses; /* in lower case, ends with NULL */
    int status_field;
};

extern const struct filter_rules task_filters;
extern const struct filter_rules instance_filters;

/* Which were asked for; texts are borrowed from the request, NULL where not. */
struct filters {
    const char *status;
    struct cluster_filter cluster;
    const char *ec2_instance_id;
    struct selector *query; /* of tasks: their instance is meant */
    /* Tasks only. */
    const char *started_by;
    const char *desired_status;
    const char *family;
    const char *task_definition;    /* "family:revision", with or without the ARN before it */
    const char *container_instance; /* ARN or id */
    /* Parts of those two, for the view's indexes. */
    char *definition_family;
    const char *instance_id;
};
void filters_clear(struct filters *filters);
#define AUTO_FILTERS __attribute__((cleanup(filters_clear))) struct filters

/* v0.3.0's checks in its order, then those of later filters. False with the text of the 400 in
 * `wrong`. Parameters which are no filters are not looked at. */
bool filters_parse(const struct filter_rules *rules, const struct query *query, struct filters *out,
                   struct strbuf *wrong);
/* All but what depends on other entities: `query`, and a task's `ec2InstanceId`. */
bool filters_match(const struct filter_rules *rules, const struct filters *filters,
                   const struct entity *entity);
/* What finds the matching ones quickly; the hints point into filters. Without hints the clusters
 * are all there is to match. */
void filters_select(const struct filter_rules *rules, const struct filters *filters,
                    struct selection *out);

#endif
