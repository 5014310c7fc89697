/* Which values the entities of a kind are found by, and their buckets. */
#include "view/index.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>

#include "util/mem.h"
#include "view/entity.h"

#define VALUE_LEN_MAX 255 /* what is longer counts as its beginning: an index only narrows down */

/* ---- values ---------------------------------------------------------------------------------- */

/* Statuses are the same in any case. */
static size_t value_of_status(const char *field, char *out)
{
    size_t len = 0;

    for (; field[len] && len < VALUE_LEN_MAX; len++) {
        out[len] = (char)toupper((unsigned char)field[len]);
    }
    return len;
}

static size_t value_as_it_is(const char *field, char *out)
{
    size_t len = strnlen(field, VALUE_LEN_MAX);

    memcpy(out, field, len);
    return len;
}

/* What follows the last slash of an ARN. */
static size_t value_of_id(const char *field, char *out)
{
    const char *slash = strrchr(field, '/');

    return value_as_it_is(slash ? slash + 1 : field, out);
}

/* What precedes the revision in a task definition's ARN. */
static size_t value_of_family(const char *field, char *out)
{
    const char *slash = strrchr(field, '/');
    const char *name = slash ? slash + 1 : field;
    size_t len = strcspn(name, ":");

    len = len < VALUE_LEN_MAX ? len : VALUE_LEN_MAX;
    memcpy(out, name, len);
    return len;
}

struct rule {
    enum view_index by;
    int field;
    size_t (*value)(const char *field, char *out);
};

static const struct {
    int n;
    struct rule rules[INDEX_SLOTS_MAX];
} indexes[KIND_COUNT] = {
    [KIND_TASK] = {5,
                   {
                       {BY_STATUS, TASK_LAST_STATUS, value_of_status},
                       {BY_DESIRED_STATUS, TASK_DESIRED_STATUS, value_of_status},
                       {BY_STARTED_BY, TASK_STARTED_BY, value_as_it_is},
                       {BY_FAMILY, TASK_DEFINITION, value_of_family},
                       {BY_INSTANCE, TASK_INSTANCE, value_of_id},
                   }},
    [KIND_INSTANCE] = {2,
                       {
                           {BY_STATUS, INSTANCE_STATUS, value_of_status},
                           {BY_EC2_ID, INSTANCE_EC2_ID, value_as_it_is},
                       }},
};

int index_slots(enum kind kind)
{
    return indexes[kind].n;
}

/* Which slot of the kind that is, or -1. */
static int slot_of(enum kind kind, enum view_index by)
{
    for (int s = 0; s < indexes[kind].n; s++) {
        if (indexes[kind].rules[s].by == by) {
            return s;
        }
    }
    return -1;
}

/* ---- buckets --------------------------------------------------------------------------------- */

static struct bucket *find(const struct index *index, int slot, const char *value, size_t len)
{
    struct bucket *bucket = NULL;

    HASH_FIND(hh, index->slots[slot], value, (unsigned)len, bucket);
    return bucket;
}

static struct bucket *get(struct index *index, int slot, const char *value, size_t len)
{
    struct bucket *bucket = find(index, slot, value, len);

    if (!bucket) {
        bucket = xcalloc(1, sizeof(*bucket) + len + 1);
        memcpy(bucket->value, value, len);
        bucket->slot = slot;
        LIST_INIT(&bucket->links);
        HASH_ADD_KEYPTR(hh, index->slots[slot], bucket->value, (unsigned)len, bucket);
    }
    return bucket;
}

void index_add(struct index *index, struct node *node)
{
    enum kind kind = node->entity.kind;

    for (int s = 0; s < indexes[kind].n; s++) {
        const struct rule *rule = &indexes[kind].rules[s];
        char value[VALUE_LEN_MAX + 1];
        size_t len = rule->value(node->entity.fields[rule->field], value);
        struct bucket *bucket = get(index, s, value, len);

        node->links[s].bucket = bucket;
        LIST_INSERT_HEAD(&bucket->links, &node->links[s], others);
        bucket->n++;
    }
}

void index_remove(struct index *index, struct node *node)
{
    for (int s = 0; s < indexes[node->entity.kind].n; s++) {
        struct bucket *bucket = node->links[s].bucket;

        LIST_REMOVE(&node->links[s], others);
        if (--bucket->n == 0) {
            HASH_DEL(index->slots[s], bucket);
            free(bucket);
        }
    }
}

struct bucket *index_find(const struct index *index, enum kind kind, enum view_index by,
                          const char *wanted)
{
    int slot = slot_of(kind, by);
    char value[VALUE_LEN_MAX + 1];

    if (slot < 0) {
        return NULL;
    }
    size_t len = by == BY_STATUS || by == BY_DESIRED_STATUS ? value_of_status(wanted, value)
                                                            : value_as_it_is(wanted, value);

    return find(index, slot, value, len);
}

struct node *index_node(struct link *link)
{
    struct link *first = link - link->bucket->slot;

    return (struct node *)((char *)first - offsetof(struct node, links));
}
