/* The entities of one kind, cluster by cluster. */
#include "view/group.h"

#include <stdlib.h>

#include "util/mem.h"

static int compare_nodes(const struct node *a, const struct node *b)
{
    return strcmp(a->entity.key, b->entity.key);
}

static int compare_groups(const struct group *a, const struct group *b)
{
    return strcmp(a->cluster, b->cluster);
}

TREE_FUNCTIONS(group_members, node, in_group, compare_nodes);
TREE_FUNCTIONS(group_tree, group, entry, compare_groups);

/* ---- groups ---------------------------------------------------------------------------------- */

/* The order of trees is by their text alone, so a search needs no struct around a text. */
struct group *groups_from(const struct groups *groups, const char *cluster_arn)
{
    struct group *group = RB_ROOT(&groups->tree);
    struct group *found = NULL;

    while (group) {
        if (strcmp(cluster_arn, group->cluster) <= 0) {
            found = group;
            group = RB_LEFT(group, entry);
        } else {
            group = RB_RIGHT(group, entry);
        }
    }
    return found;
}

struct group *groups_find(const struct groups *groups, const char *cluster_arn)
{
    struct group *group = groups_from(groups, cluster_arn);

    return group && streq(group->cluster, cluster_arn) ? group : NULL;
}

struct group *groups_get(struct groups *groups, const char *cluster_arn)
{
    struct group *group = groups_find(groups, cluster_arn);

    if (!group) {
        group = xcalloc(1, sizeof(*group) + strlen(cluster_arn) + 1);
        RB_INIT(&group->members);
        memcpy(group->cluster, cluster_arn, strlen(cluster_arn) + 1);
        RB_INSERT(group_tree, &groups->tree, group);
    }
    return group;
}

struct group *groups_next(struct group *group)
{
    return RB_NEXT(group_tree, NULL, group);
}

void groups_clear(struct groups *groups)
{
    struct group *group = NULL;

    while ((group = RB_ROOT(&groups->tree))) {
        RB_REMOVE(group_tree, &groups->tree, group);
        free(group);
    }
}

/* ---- one group ------------------------------------------------------------------------------- */

void group_add(struct group *group, struct node *node)
{
    node->group = group;
    RB_INSERT(group_members, &group->members, node);
    index_add(&group->index, node);
    group->n++;
}

void group_remove(struct node *node)
{
    struct group *group = node->group;

    RB_REMOVE(group_members, &group->members, node);
    index_remove(&group->index, node);
    group->n--;
}

struct node *group_after(const struct group *group, const char *key)
{
    struct node *node = RB_ROOT(&group->members);
    struct node *found = NULL;

    while (node) {
        if (!key || strcmp(key, node->entity.key) < 0) {
            found = node;
            node = RB_LEFT(node, in_group);
        } else {
            node = RB_RIGHT(node, in_group);
        }
    }
    return found;
}

struct node *group_next(struct node *node)
{
    return RB_NEXT(group_members, NULL, node);
}
