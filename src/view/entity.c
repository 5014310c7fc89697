/* One entity: the struct and all its texts in one block, immutable, counted references. */
#include "view/entity.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

#define TEXT_BEFORE "{\"entity\":"
#define TEXT_AFTER  ",\"metadata\":{\"entityVersion\":\"%" PRId64 "\"}}"
#define AFTER_LEN   (sizeof(TEXT_AFTER) + 20)

/* Copies len bytes and a NUL to *at and moves it behind them; gives the copy. */
static char *put(char **at, const char *bytes, size_t len)
{
    char *copy = *at;

    memcpy(copy, bytes, len);
    copy[len] = '\0';
    *at += len + 1;
    return copy;
}

/* Whether readers get the body wrapped, as v0.3.0's cluster state API does. */
static bool is_wrapped(enum kind kind)
{
    return kind == KIND_TASK || kind == KIND_INSTANCE;
}

struct node *node_new(enum kind kind, const char *key, size_t key_len,
                      const struct stored_value *value, bool without_body)
{
    char after[AFTER_LEN] = "";
    const char *before = "";

    if (is_wrapped(kind)) {
        before = TEXT_BEFORE;
        snprintf(after, sizeof(after), TEXT_AFTER, value->revision);
    }
    size_t text_len = strlen(before) + value->body_len + strlen(after);
    size_t links_len = (size_t)index_slots(kind) * sizeof(struct link);
    struct node *node = xmalloc(sizeof(*node) + links_len + key_len + 1 + value->version_len + 1 +
                                value->fields_len + 1 + (without_body ? 0 : 1 + text_len + 1));
    char *at = (char *)node->links + links_len;

    *node =
        (struct node){.entity = {.kind = kind, .revision = value->revision, .at_ms = value->at_ms}};
    atomic_init(&node->references, 1);
    node->entity.key = put(&at, key, key_len);
    node->entity.version = put(&at, value->version, value->version_len);
    fields_split(put(&at, value->fields, value->fields_len), node->entity.fields);
    if (!without_body) {
        *at++ = ',';
        node->entity.text = at;
        node->entity.text_len = text_len;
        at = mempcpy(at, before, strlen(before));
        at = mempcpy(at, value->body, value->body_len);
        memcpy(at, after, strlen(after) + 1);
    }
    return node;
}

const char *entity_field(const struct entity *entity, int field)
{
    return field >= 0 && field < FIELDS_MAX ? entity->fields[field] : "";
}

int64_t entity_field_int(const struct entity *entity, int field)
{
    return strtoll(entity_field(entity, field), NULL, 10);
}

struct entity *entity_ref(struct entity *entity)
{
    atomic_fetch_add_explicit(&node_of(entity)->references, 1, memory_order_relaxed);
    return entity;
}

void entity_free(struct entity *entity)
{
    if (entity &&
        atomic_fetch_sub_explicit(&node_of(entity)->references, 1, memory_order_acq_rel) == 1) {
        free(node_of(entity));
    }
}

void entity_list_clear(struct entity_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        entity_free(list->items[i]);
    }
    free(list->items);
    *list = (struct entity_list){0};
}
