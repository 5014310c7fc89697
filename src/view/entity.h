/* Inside the view: an entity with its places in the indexes of one set. */
#ifndef BLOX_VIEW_ENTITY_H
#define BLOX_VIEW_ENTITY_H

#include "store/log.h"
#include "util/tree.h"
#include "view/index.h"
#include "view/view.h"

struct group; /* the entities of one kind in one cluster; see group.h */

struct node {
    struct entity entity; /* first: a struct entity * is a struct node * */
    _Atomic unsigned references;
    RB_ENTRY(node) by_key;   /* in its kind */
    RB_ENTRY(node) in_group; /* in its kind and cluster */
    struct group *group;
    struct link links[]; /* index_slots of them; behind them all texts */
};

/* With one reference. The value is not a tombstone. */
struct node *node_new(enum kind kind, const char *key, size_t key_len,
                      const struct stored_value *value, bool without_body) MUST_CHECK;

static inline struct node *node_of(struct entity *entity)
{
    return (struct node *)entity;
}

#endif
