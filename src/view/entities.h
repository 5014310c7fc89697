/* Inside the view: an indexed set of entities. It has no lock of its own. */
#ifndef BLOX_VIEW_ENTITIES_H
#define BLOX_VIEW_ENTITIES_H

#include "store/log.h"
#include "view/view.h"

struct entities;
struct groups;

/* without_bodies: as in struct view_options. */
struct entities *entities_new(bool without_bodies);
void entities_free(struct entities *set);
AUTO_DEFINE(entities);

/* What one change did; both are references of the caller's, or NULL. */
struct change {
    struct entity *before;
    struct entity *after;
};
void change_clear(struct change *change);

/* Puts a stored value of a scan into the set, unless a higher revision is there or it is a
 * tombstone. */
void entities_add(struct entities *set, enum kind kind, const char *key, size_t key_len,
                  const struct stored_value *value);
/* Applies one log entry, likewise, and counts the change of its kind and cluster. */
void entities_apply(struct entities *set, const struct log_entry *entry, struct change *out);
void entities_set_changed(struct entities *set, enum kind kind, const char *cluster_arn,
                          int64_t revision);
/* An event changed something in the cluster. */
void entities_set_heard(struct entities *set, const char *cluster_arn, int64_t at_ms);

/* The entities of a kind by cluster, see group.h. */
const struct groups *entities_groups(const struct entities *set, enum kind kind);
/* Borrowed; NULL when there is none. */
struct entity *entities_get(const struct entities *set, enum kind kind, const char *key);
/* Calls `each` in the order view_list promises. */
void entities_each(const struct entities *set, enum kind kind, const char *cluster_arn,
                   void (*each)(void *ctx, struct entity *entity), void *ctx);
void entities_each_prefix(const struct entities *set, enum kind kind, const char *prefix,
                          void (*each)(void *ctx, struct entity *entity), void *ctx);
size_t entities_count(const struct entities *set, enum kind kind, const char *cluster_arn);
int64_t entities_changed(const struct entities *set, enum kind kind, const char *cluster_arn);

#endif
