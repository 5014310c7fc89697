/* The indexed copy: each kind is ordered by key, and by cluster and key. */
#include "view/entities.h"

#include <stdlib.h>

#include "util/mem.h"
#include "view/entity.h"

RB_HEAD(key_tree, node);
RB_HEAD(group_members, node);
RB_HEAD(group_tree, group);

struct group {
    RB_ENTRY(group) entry;
    struct group_members members;
    size_t n;
    int64_t changed; /* the revision which last changed something here */
    char cluster[];
};

struct entities {
    bool without_bodies;
    struct {
        struct key_tree by_key;
        struct group_tree groups;
        size_t n;
        int64_t changed;
    } kinds[KIND_COUNT];
};

static int compare_nodes(const struct node *a, const struct node *b)
{
    return strcmp(a->entity.key, b->entity.key);
}

static int compare_groups(const struct group *a, const struct group *b)
{
    return strcmp(a->cluster, b->cluster);
}

/* RB_GENERATE_STATIC needs a BSD's __unused. */
RB_GENERATE_INTERNAL(key_tree, node, by_key, compare_nodes, UNUSED static)
RB_GENERATE_INTERNAL(group_members, node, in_group, compare_nodes, UNUSED static)
RB_GENERATE_INTERNAL(group_tree, group, entry, compare_groups, UNUSED static)

/* ---- groups -------------------------------------------------------------------------------- */

/* The order of trees is by their text alone, so a search needs a struct around a text. */
static struct group *group_new(const char *cluster_arn)
{
    struct group *group = xcalloc(1, sizeof(*group) + strlen(cluster_arn) + 1);

    RB_INIT(&group->members);
    memcpy(group->cluster, cluster_arn, strlen(cluster_arn) + 1);
    return group;
}

static struct group *find_group(const struct entities *set, enum kind kind, const char *cluster_arn)
{
    struct group *group = RB_ROOT(&set->kinds[kind].groups);

    while (group) {
        int order = strcmp(cluster_arn, group->cluster);

        if (order == 0) {
            return group;
        }
        group = order < 0 ? RB_LEFT(group, entry) : RB_RIGHT(group, entry);
    }
    return NULL;
}

static struct group *get_group(struct entities *set, enum kind kind, const char *cluster_arn)
{
    struct group *group = find_group(set, kind, cluster_arn);

    if (!group) {
        group = group_new(cluster_arn);
        RB_INSERT(group_tree, &set->kinds[kind].groups, group);
    }
    return group;
}

void entities_set_changed(struct entities *set, enum kind kind, const char *cluster_arn,
                          int64_t revision)
{
    struct group *group = get_group(set, kind, cluster_arn);

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
    const struct group *group = find_group(set, kind, cluster_arn);

    return group ? group->changed : 0;
}

size_t entities_count(const struct entities *set, enum kind kind, const char *cluster_arn)
{
    if (!cluster_arn) {
        return set->kinds[kind].n;
    }
    const struct group *group = find_group(set, kind, cluster_arn);

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

static void insert(struct entities *set, struct node *node)
{
    enum kind kind = node->entity.kind;

    node->group = get_group(set, kind, node->entity.fields[FIELD_CLUSTER]);
    RB_INSERT(key_tree, &set->kinds[kind].by_key, node);
    RB_INSERT(group_members, &node->group->members, node);
    node->group->n++;
    set->kinds[kind].n++;
}

/* The set's reference becomes the caller's. */
static struct entity *take_out(struct entities *set, struct node *node)
{
    enum kind kind = node->entity.kind;

    RB_REMOVE(key_tree, &set->kinds[kind].by_key, node);
    RB_REMOVE(group_members, &node->group->members, node);
    node->group->n--;
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
        struct group *group = NULL;

        while ((node = RB_ROOT(&set->kinds[kind].by_key))) {
            entity_free(take_out(set, node));
        }
        while ((group = RB_ROOT(&set->kinds[kind].groups))) {
            RB_REMOVE(group_tree, &set->kinds[kind].groups, group);
            free(group);
        }
    }
    free(set);
}

void change_clear(struct change *change)
{
    entity_free(TAKE(change->before));
    entity_free(TAKE(change->after));
}

/* What stands at the key afterwards: a new entity, or (value NULL or a tombstone) none. */
static void replace(struct entities *set, enum kind kind, const char *key, size_t key_len,
                    const struct stored_value *value, struct change *out)
{
    struct node *old = find_node(set, kind, key);

    out->before = old ? take_out(set, old) : NULL;
    if (!value || value->body_len == 0) {
        return;
    }
    struct node *node = node_new(kind, key, key_len, value, set->without_bodies);

    insert(set, node);
    out->after = entity_ref(&node->entity);
}

static bool is_older(const struct entities *set, enum kind kind, const char *key, int64_t revision)
{
    const struct node *node = find_node(set, kind, key);

    return node && node->entity.revision >= revision;
}

void entities_add(struct entities *set, enum kind kind, const char *key, size_t key_len,
                  const struct stored_value *value)
{
    struct change change = {0};

    if (is_older(set, kind, key, value->revision)) {
        return;
    }
    replace(set, kind, key, key_len, value, &change);
    change_clear(&change);
}

void entities_apply(struct entities *set, const struct log_entry *entry, struct change *out)
{
    struct stored_value value = {0};
    size_t key_len = strlen(entry->key);

    *out = (struct change){0};
    if (entry->kind == KIND_COUNT || !value_parse(entry->value, entry->value_len, &value)) {
        return; /* of a kind we do not know, or damaged: nothing to be done with it */
    }
    size_t cluster_len = 0;

    while (cluster_len < value.fields_len && value.fields[cluster_len] != '\t') {
        cluster_len++;
    }
    AUTO_CHAR *cluster = xmemdup0(value.fields, cluster_len);

    entities_set_changed(set, entry->kind, cluster, entry->revision);
    if (is_older(set, entry->kind, entry->key, entry->revision)) {
        return;
    }
    replace(set, entry->kind, entry->key, key_len, entry->deleted ? NULL : &value, out);
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
    struct group_members members = group->members;
    struct node *node = NULL;

    RB_FOREACH(node, group_members, &members)
    {
        each(ctx, &node->entity);
    }
}

void entities_each(const struct entities *set, enum kind kind, const char *cluster_arn,
                   void (*each)(void *ctx, struct entity *entity), void *ctx)
{
    struct group_tree groups = set->kinds[kind].groups;
    struct group *group = cluster_arn ? find_group(set, kind, cluster_arn) : NULL;

    if (cluster_arn) {
        if (group) {
            each_in(group, each, ctx);
        }
        return;
    }
    RB_FOREACH(group, group_tree, &groups)
    {
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
