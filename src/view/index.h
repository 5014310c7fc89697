/* Inside the view: finds the entities of one group by a value of theirs. Each entity is a link in
 * one bucket for each index of its kind, so keeping an index costs no search. */
#ifndef BLOX_VIEW_INDEX_H
#define BLOX_VIEW_INDEX_H

#include <sys/queue.h>
#include <uthash.h>

#include "view/view.h"

#define INDEX_SLOTS_MAX 5 /* indexes of one kind */

struct bucket;
struct node;

struct link {
    LIST_ENTRY(link) others;
    struct bucket *bucket;
};

/* The entities of a group with the same value; in no order. */
struct bucket {
    UT_hash_handle hh;
    LIST_HEAD(, link) links;
    size_t n;
    int slot;
    char value[];
};

struct index {
    struct bucket *slots[INDEX_SLOTS_MAX];
};

/* How many links an entity of the kind needs. */
int index_slots(enum kind kind);

void index_add(struct index *index, struct node *node);
void index_remove(struct index *index, struct node *node);
/* NULL when no entity has the value. */
struct bucket *index_find(const struct index *index, enum kind kind, enum view_index by,
                          const char *value);
struct node *index_node(struct link *link);

#endif
