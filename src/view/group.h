/* Inside the view: the entities of one kind in one cluster, in order of key, and the clusters of a
 * kind in order of ARN. A group stays when its last entity goes: it remembers that it changed. */
#ifndef BLOX_VIEW_GROUP_H
#define BLOX_VIEW_GROUP_H

#include "view/entity.h"

RB_HEAD(group_members, node);
RB_HEAD(group_tree, group);

struct group {
    RB_ENTRY(group) entry;
    struct group_members members;
    struct index index;
    size_t n;
    int64_t changed;     /* the revision which last changed something here */
    int64_t heard_at_ms; /* of a cluster's own group: when an event last did; 0: never */
    char cluster[];      /* ARN */
};

struct groups {
    struct group_tree tree;
};

/* NULL when there is none. */
struct group *groups_find(const struct groups *groups, const char *cluster_arn);
/* Makes it when there is none. */
struct group *groups_get(struct groups *groups, const char *cluster_arn);
/* The first whose ARN is not before the text. */
struct group *groups_from(const struct groups *groups, const char *cluster_arn);
struct group *groups_next(struct group *group);
void groups_clear(struct groups *groups); /* all groups are empty */

void group_add(struct group *group, struct node *node);
void group_remove(struct node *node);
/* The first whose key is behind the text; NULL: the first of all. */
struct node *group_after(const struct group *group, const char *key);
struct node *group_next(struct node *node);

#endif
