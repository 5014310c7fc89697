/* The indexed copy: each kind is ordered by key, and grouped by cluster. */
#include "view/entities.h"

#include <stdlib.h>

#include "util/mem.h"
#include "view/entity.h"
#include "view/group.h"

RB_HEAD(key_tree, node);
struct entities {
    bool without_bodies;
    struct {
        struct key_tree by_key;
        struct groups groups;
        size_t n;
        int64_t changed;
    } kinds[KIND_COUNT];
};

static int compare_nodes(const struct node *a, const struct node *b)
{
    return strcmp(a->entity.key, b->entity.key);
}

TREE_FUNCTIONS(key_tree, node, by_key, compare_nodes);

/* ---- groups -------------------------------------------------------------------------------- */

const struct groups *entities_groups(const struct entities *set, enum kind kind)
{
    return &set->kinds[kind].groups;
}

void entities_set_changed(struct entities *set, enum kind kind, const char *cluster_arn,
                          int64_t revision)
{
    struct group *group = groups_get(&set->kinds[kind].groups, cluster_arn);

    if (revision > group->changed) {
        group->changed = revision;
    }
    if (revision > set->kinds[kind].changed) {
        set->kinds[kind].changed = revision;
    }
}

int64_t entities_changed(const struct entities *set, enum kind kind, const char *cluster_arn)
{
    if (!cluster_arn) {
        return set->kinds[kind].changed;
    }
    const struct group *group = groups_find(&set->kinds[kind].groups, cluster_arn);

    return group ? group->changed : 0;
}

void entities_set_heard(struct entities *set, const char *cluster_arn, int64_t at_ms)
{
    struct group *group = groups_get(&set->kinds[KIND_CLUSTER].groups, cluster_arn);

    if (at_ms > group->heard_at_ms) {
        group->heard_at_ms = at_ms;
    }
}

size_t entities_count(const struct entities *set, enum kind kind, const char *cluster_arn)
{
    if (!cluster_arn) {
        return set->kinds[kind].n;
    }
    const struct group *group = groups_find(&set->kinds[kind].groups, cluster_arn);

    return group ? group->n : 0;
}

/* ---- entities ------------------------------------------------------------------------------ */

struct entities *entities_new(bool without_bodies)
{
    struct entities *set = xcalloc(1, sizeof(*set));

    set->without_bodies = without_bodies;
    return set;
}

static struct node *find_node(const struct entities *set, enum kind kind, const char *key)
{
    struct node *node = RB_ROOT(&set->kinds[kind].by_key);

    while (node) {
        int order = strcmp(key, node->entity.key);

        if (order == 0) {
            return node;
        }
        node = order < 0 ? RB_LEFT(node, by_key) : RB_RIGHT(node, by_key);
    }
    return NULL;
}

/* Unless one of the same key is there, which it gives then. */
static struct node *insert(struct entities *set, struct node *node)
{
    enum kind kind = node->entity.kind;
    struct node *there = RB_INSERT(key_tree, &set->kinds[kind].by_key, node);

    if (!there) {
        group_add(groups_get(&set->kinds[kind].groups, node->entity.fields[FIELD_CLUSTER]), node);
        set->kinds[kind].n++;
    }
    return there;
}

/* The set's reference becomes the caller's. */
static struct entity *take_out(struct entities *set, struct node *node)
{
    enum kind kind = node->entity.kind;

    RB_REMOVE(key_tree, &set->kinds[kind].by_key, node);
    group_remove(node);
    set->kinds[kind].n--;
    return &node->entity;
}

void entities_free(struct entities *set)
{
    if (!set) {
        return;
    }
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        struct node *node = NULL;

        while ((node = RB_ROOT(&set->kinds[kind].by_key))) {
            entity_free(take_out(set, node));
        }
        groups_clear(&set->kinds[kind].groups);
    }
    free(set);
}

void change_clear(struct change *change)
{
    entity_free(TAKE(change->before));
    entity_free(TAKE(change->after));
}

/* Most of a scan is new: one search finds that out and puts it in its place. */
void entities_add(struct entities *set, enum kind kind, const char *key, size_t key_len,
                  const struct stored_value *value)
{
    struct node *node =
        value->body_len > 0 ? node_new(kind, key, key_len, value, set->without_bodies) : NULL;
    struct node *there = node ? insert(set, node) : find_node(set, kind, key);

    if (!there) {
        return;
    }
    if (there->entity.revision >= value->revision) {
        entity_free(node ? &node->entity : NULL);
        return;
    }
    entity_free(take_out(set, there));
    if (node) {
        insert(set, node);
    }
}

/* What stands at the key afterwards: a new entity, or (value NULL or a tombstone) none. */
static void replace(struct entities *set, struct node *old, const struct log_entry *entry,
                    const struct stored_value *value, struct change *out)
{
    out->before = old ? take_out(set, old) : NULL;
    if (!value || value->body_len == 0) {
        return;
    }
    struct node *node =
        node_new(entry->kind, entry->key, strlen(entry->key), value, set->without_bodies);

    insert(set, node);
    out->after = entity_ref(&node->entity);
}

void entities_apply(struct entities *set, const struct log_entry *entry, struct change *out)
{
    struct stored_value value = {0};

    *out = (struct change){0};
    if (entry->kind == KIND_COUNT || !value_parse_head(entry->value, entry->value_len, &value)) {
        return; /* of a kind we do not know, or damaged: nothing to be done with it */
    }
    bool shown = !entry->deleted && value_parse(entry->value, entry->value_len, &value);
    size_t cluster_len = 0;

    while (cluster_len < value.fields_len && value.fields[cluster_len] != '\t') {
        cluster_len++;
    }
    AUTO_CHAR *cluster = xmemdup0(value.fields, cluster_len);

    entities_set_changed(set, entry->kind, cluster, entry->revision);
    if (entry->cause && streq(entry->cause, "event")) {
        entities_set_heard(set, cluster, entry->at_ms);
    }
    struct node *old = find_node(set, entry->kind, entry->key);

    if (!old || old->entity.revision < entry->revision) {
        replace(set, old, entry, shown ? &value : NULL, out);
    }
}

/* ---- reading ------------------------------------------------------------------------------- */

struct entity *entities_get(const struct entities *set, enum kind kind, const char *key)
{
    struct node *node = find_node(set, kind, key);

    return node ? &node->entity : NULL;
}

static void each_in(const struct group *group, void (*each)(void *ctx, struct entity *entity),
                    void *ctx)
{
    for (struct node *node = group_after(group, NULL); node; node = group_next(node)) {
        each(ctx, &node->entity);
    }
}

void entities_each(const struct entities *set, enum kind kind, const char *cluster_arn,
                   void (*each)(void *ctx, struct entity *entity), void *ctx)
{
    const struct groups *groups = &set->kinds[kind].groups;
    struct group *group = cluster_arn ? groups_find(groups, cluster_arn) : groups_from(groups, "");

    for (; group; group = cluster_arn ? NULL : groups_next(group)) {
        each_in(group, each, ctx);
    }
}

/* The first entity whose key is not before the text. */
static struct node *first_from(const struct entities *set, enum kind kind, const char *text)
{
    struct node *node = RB_ROOT(&set->kinds[kind].by_key);
    struct node *found = NULL;

    while (node) {
        if (strcmp(text, node->entity.key) <= 0) {
            found = node;
            node = RB_LEFT(node, by_key);
        } else {
            node = RB_RIGHT(node, by_key);
        }
    }
    return found;
}

void entities_each_prefix(const struct entities *set, enum kind kind, const char *prefix,
                          void (*each)(void *ctx, struct entity *entity), void *ctx)
{
    size_t len = strlen(prefix);
    struct node *node = first_from(set, kind, prefix);

    while (node && strncmp(node->entity.key, prefix, len) == 0) {
        each(ctx, &node->entity);
        node = RB_NEXT(key_tree, NULL, node);
    }
}
