/* Lists which are more than a cluster: filtered, by pages, and what tells whether they changed. */
#include <stdlib.h>

#include "model/arn.h"
#include "util/mem.h"
#include "view/follow.h"
#include "view/group.h"

#define VISITS_MAX  2000  /* entities looked at before the lock is let go */
#define BUCKETS_MAX 10000 /* the same for those found by their values, which cannot be resumed */

/* ---- one value ------------------------------------------------------------------------------- */

static void add_to(struct entity_list *list, size_t *cap, struct entity *entity)
{
    if (list->n == *cap) {
        *cap = *cap ? 2 * *cap : 16;
        list->items = xreallocarray(list->items, *cap, sizeof(*list->items));
    }
    list->items[list->n++] = entity_ref(entity);
}

static struct bucket *find_bucket(struct view *view, enum kind kind, const char *cluster_arn,
                                  enum view_index by, const char *value)
{
    const struct group *group = groups_find(entities_groups(view->set, kind), cluster_arn);

    return group ? index_find(&group->index, kind, by, value) : NULL;
}

void view_list_by(struct view *view, enum kind kind, const char *cluster_arn, enum view_index by,
                  const char *value, struct entity_list *out)
{
    struct link *link = NULL;
    size_t cap = 0;

    *out = (struct entity_list){0};
    pthread_rwlock_rdlock(&view->lock);
    struct bucket *bucket = find_bucket(view, kind, cluster_arn, by, value);

    out->revision = view->at.revision;
    if (bucket) {
        LIST_FOREACH(link, &bucket->links, others)
        {
            add_to(out, &cap, &index_node(link)->entity);
        }
    }
    pthread_rwlock_unlock(&view->lock);
}

size_t view_count_by(struct view *view, enum kind kind, const char *cluster_arn, enum view_index by,
                     const char *value)
{
    pthread_rwlock_rdlock(&view->lock);
    const struct bucket *bucket = find_bucket(view, kind, cluster_arn, by, value);
    size_t n = bucket ? bucket->n : 0;

    pthread_rwlock_unlock(&view->lock);
    return n;
}

size_t view_count(struct view *view, enum kind kind, const char *cluster_arn)
{
    pthread_rwlock_rdlock(&view->lock);
    size_t n = entities_count(view->set, kind, cluster_arn);

    pthread_rwlock_unlock(&view->lock);
    return n;
}

/* ---- selections ------------------------------------------------------------------------------ */

/* One selection on its way through the groups. Between two parts `cluster` and `last` are where it
 * stands: behind this entity, or with none behind the whole group. */
struct walk {
    const struct selection *selection;
    struct entity_list *out;
    size_t cap;
    size_t visits; /* left in this part */
    char *cluster;
    char *key;     /* NULL: behind the group */
    size_t sorted; /* those behind so many came out of buckets: they are in no order */
};

static bool is_full(const struct walk *walk)
{
    return walk->selection->max > 0 && walk->out->n >= walk->selection->max;
}

static void stand(struct walk *walk, const char *cluster, const char *key)
{
    char *new_cluster = xstrdup(cluster); /* the old ones may be what is copied */
    char *new_key = xstrdup_or_null(key);

    free(walk->cluster);
    free(walk->key);
    walk->cluster = new_cluster;
    walk->key = new_key;
}

/* The part goes on for so much less. */
static void spend(struct walk *walk, size_t visits)
{
    walk->visits -= visits < walk->visits ? visits : walk->visits;
}

static void visit(struct walk *walk, struct entity *entity)
{
    const struct selection *s = walk->selection;

    if (!s->matches || s->matches(s->ctx, entity)) {
        add_to(walk->out, &walk->cap, entity);
    }
}

static size_t count_hint(const struct group *group, enum kind kind,
                         const struct selection_hint *hint)
{
    size_t n = 0;

    for (size_t v = 0; v < hint->n; v++) {
        const struct bucket *bucket = index_find(&group->index, kind, hint->by, hint->values[v]);

        n += bucket ? bucket->n : 0;
    }
    return n;
}

/* The hint which leaves the fewest in the group, and how many; NULL when there is no hint. */
static const struct selection_hint *best_hint(struct walk *walk, const struct group *group,
                                              size_t *n)
{
    const struct selection *selection = walk->selection;
    const struct selection_hint *best = NULL;

    *n = group->n;
    for (size_t h = 0; h < selection->n_hints; h++) {
        size_t left = count_hint(group, selection->kind, &selection->hints[h]);

        if (!best || left < *n) {
            best = &selection->hints[h];
            *n = left;
        }
        spend(walk, selection->hints[h].n);
    }
    return best;
}

/* Whether finding n of the group by their value, and sorting them, is less work than a walk. */
static bool is_selective(const struct group *group, size_t n, size_t max)
{
    size_t walked = max > 0 && n > 0 && max < n ? max * (group->n / n) : group->n;

    return n <= BUCKETS_MAX && 2 * n <= walked;
}

static void take_buckets(struct walk *walk, const struct group *group,
                         const struct selection_hint *hint, const char *after_key)
{
    struct link *link = NULL;

    walk->sorted = walk->out->n;
    for (size_t v = 0; v < hint->n; v++) {
        struct bucket *bucket =
            index_find(&group->index, walk->selection->kind, hint->by, hint->values[v]);

        if (!bucket) {
            continue;
        }
        LIST_FOREACH(link, &bucket->links, others)
        {
            struct entity *entity = &index_node(link)->entity;

            if (!after_key || strcmp(entity->key, after_key) > 0) {
                visit(walk, entity);
            }
        }
    }
}

/* False when the part is over. */
static bool take_in_order(struct walk *walk, const struct group *group, const char *after_key)
{
    struct node *node = group_after(group, after_key);

    for (; node; node = group_next(node)) {
        visit(walk, &node->entity);
        spend(walk, 1);
        if (walk->visits == 0 || is_full(walk)) {
            stand(walk, group->cluster, node->entity.key);
            return false;
        }
    }
    return true;
}

/* False when the part is over. */
static bool take_group(struct walk *walk, const struct group *group, const char *after_key)
{
    const struct selection *s = walk->selection;
    size_t n = 0;
    const struct selection_hint *hint = best_hint(walk, group, &n);

    if (n == 0) {
        return true;
    }
    if (hint && is_selective(group, n, s->max > 0 ? s->max - walk->out->n : 0)) {
        take_buckets(walk, group, hint, after_key);
        stand(walk, group->cluster, NULL);
        return false;
    }
    return take_in_order(walk, group, after_key);
}

static bool is_of(const struct group *group, const char *cluster_arn, const char *cluster_name)
{
    const char *name = cluster_name ? arn_cluster_name(group->cluster) : NULL;

    if (cluster_name) {
        return name && streq(name, cluster_name);
    }
    return !cluster_arn || streq(cluster_arn, group->cluster);
}

/* The first group which may be wanted and is not behind the walk. */
static struct group *first_group(const struct walk *walk, const struct entities *set)
{
    const struct selection *s = walk->selection;
    const char *from = walk->cluster ? walk->cluster : "";

    if (s->cluster_arn && strcmp(s->cluster_arn, from) > 0) {
        from = s->cluster_arn;
    }
    return groups_from(entities_groups(set, s->kind), from);
}

/* False at the end of all groups. */
static bool take_part(struct walk *walk, const struct entities *set)
{
    const struct selection *s = walk->selection;
    struct group *group = first_group(walk, set);

    walk->visits = VISITS_MAX;
    walk->sorted = SIZE_MAX;
    for (; group; group = groups_next(group)) {
        bool begun = walk->cluster && streq(group->cluster, walk->cluster);

        if (s->cluster_arn && !streq(s->cluster_arn, group->cluster)) {
            return false;
        }
        if ((begun && !walk->key) || !is_of(group, s->cluster_arn, s->cluster_name)) {
            continue;
        }
        if (!take_group(walk, group, begun ? walk->key : NULL)) {
            return true;
        }
        spend(walk, 1);
        if (walk->visits == 0) {
            stand(walk, group->cluster, NULL);
            return true;
        }
    }
    return false;
}

static int by_key(const void *a, const void *b)
{
    const struct entity *const *left = a;
    const struct entity *const *right = b;

    return strcmp((*left)->key, (*right)->key);
}

/* Puts in order what the last part found in buckets, and drops what is too much. */
static void settle(struct walk *walk)
{
    struct entity_list *out = walk->out;

    if (out->n > walk->sorted) {
        qsort(out->items + walk->sorted, out->n - walk->sorted, sizeof(*out->items), by_key);
    }
    while (walk->selection->max > 0 && out->n > walk->selection->max) {
        entity_free(out->items[--out->n]);
    }
}

void view_select(struct view *view, const struct selection *selection, struct entity_list *out)
{
    struct walk walk = {.selection = selection, .out = out};
    bool more = true;

    *out = (struct entity_list){0};
    if (selection->after_cluster) {
        stand(&walk, selection->after_cluster, selection->after_key);
    }
    while (more) {
        pthread_rwlock_rdlock(&view->lock);
        if (out->revision == 0) {
            out->revision = view->at.revision;
        }
        more = take_part(&walk, view->set);
        pthread_rwlock_unlock(&view->lock);
        settle(&walk);
        more = more && !is_full(&walk);
    }
    free(walk.cluster);
    free(walk.key);
}

/* ---- what changed ---------------------------------------------------------------------------- */

static int64_t changed_in(const struct entities *set, enum kind kind, const char *cluster_arn,
                          const char *cluster_name)
{
    int64_t changed = 0;

    if (!cluster_name) {
        return entities_changed(set, kind, cluster_arn);
    }
    struct group *group = groups_from(entities_groups(set, kind), "");

    for (; group; group = groups_next(group)) {
        if (group->changed > changed && is_of(group, NULL, cluster_name)) {
            changed = group->changed;
        }
    }
    return changed;
}

struct view_stamp view_stamp(struct view *view, unsigned kinds, const char *cluster_arn,
                             const char *cluster_name)
{
    struct view_stamp stamp = {0};

    pthread_rwlock_rdlock(&view->lock);
    stamp.epoch = view->at.epoch;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (kinds & VIEW_KIND(kind)) {
            int64_t changed = changed_in(view->set, (enum kind)kind, cluster_arn, cluster_name);

            stamp.changed = changed > stamp.changed ? changed : stamp.changed;
        }
    }
    pthread_rwlock_unlock(&view->lock);
    return stamp;
}

/* The least ARN behind `last` of a cluster which has something of the kind. */
static const char *next_cluster(const struct entities *set, enum kind kind, const char *last)
{
    struct group *group = groups_from(entities_groups(set, kind), last);

    while (group && (group->n == 0 || streq(group->cluster, last))) {
        group = groups_next(group);
    }
    return group ? group->cluster : NULL;
}

void view_clusters(struct view *view, void (*each)(void *ctx, const char *cluster_arn), void *ctx)
{
    static const enum kind kinds[] = {KIND_CLUSTER, KIND_INSTANCE, KIND_TASK};
    const char *last = "";

    pthread_rwlock_rdlock(&view->lock);
    for (;;) {
        const char *next = NULL;

        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            const char *cluster = next_cluster(view->set, kinds[k], last);

            if (cluster && (!next || strcmp(cluster, next) < 0)) {
                next = cluster;
            }
        }
        if (!next) {
            break;
        }
        each(ctx, next);
        last = next;
    }
    pthread_rwlock_unlock(&view->lock);
}

int64_t view_heard_ms(struct view *view, const char *cluster_arn)
{
    pthread_rwlock_rdlock(&view->lock);
    const struct group *group = groups_find(entities_groups(view->set, KIND_CLUSTER), cluster_arn);
    int64_t at_ms = group ? group->heard_at_ms : 0;

    pthread_rwlock_unlock(&view->lock);
    return at_ms;
}

void view_page_key(struct view *view, char out[PAGE_KEY_HEX_LEN])
{
    pthread_rwlock_rdlock(&view->lock);
    memcpy(out, view->page_key, PAGE_KEY_HEX_LEN);
    pthread_rwlock_unlock(&view->lock);
}
