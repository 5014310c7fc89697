/* Lists are concatenations of what the view holds ready: nothing is parsed or copied. */
#include "api/entities.h"

#include <stdlib.h>

#include "util/mem.h"

/* ---- lists ----------------------------------------------------------------------------------- */

static void keep_matching(const struct filter_rules *rules, const struct filters *filters,
                          struct entity_list *list)
{
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        if (filters_match(rules, filters, list->items[i])) {
            list->items[n++] = list->items[i];
        } else {
            entity_free(list->items[i]);
        }
    }
    list->n = n;
}

static void release_list(void *owner)
{
    struct entity_list *list = owner;

    entity_list_clear(list);
    free(list);
}

#define ADD_LITERAL(resp, text) http_add_piece((resp), (text), sizeof(text) - 1)

/* Takes what the list holds. */
static int reply_items(struct http_response *resp, struct entity_list *items)
{
    struct entity_list *list = xmalloc(sizeof(*list));

    *list = *items;
    *items = (struct entity_list){0};
    reply_revision(resp, list->revision);
    http_begin_pieces(resp, 2 * list->n + 2, release_list, list);
    ADD_LITERAL(resp, "{\"items\":[");
    for (size_t i = 0; i < list->n; i++) {
        if (i > 0) {
            ADD_LITERAL(resp, ",");
        }
        http_add_piece(resp, list->items[i]->text, list->items[i]->text_len);
    }
    ADD_LITERAL(resp, "]}\n");
    return 0;
}

int reply_entity_list(struct api *api, const struct filter_rules *rules,
                      const struct http_request *req, struct http_response *resp)
{
    struct filters filters;
    const char *wrong = filters_parse(rules, &req->query, &filters);
    AUTO_ENTITY_LIST list = {0};

    if (wrong) {
        return http_reply_text(resp, 400, "%s", wrong);
    }
    view_list(api->view, rules->kind, filters.cluster.arn, &list);
    keep_matching(rules, &filters, &list);
    return reply_items(resp, &list);
}

/* ---- single ones ----------------------------------------------------------------------------- */

static void release_entity(void *owner)
{
    entity_free(owner);
}

int reply_entity(struct api *api, enum kind kind, const char *missing_text,
                 const struct http_request *req, struct http_response *resp)
{
    const struct cluster_filter cluster = {.name = http_param(req, "cluster")};
    AUTO(entity) *entity = view_get(api->view, kind, http_param(req, "arn"));

    if (!entity || !cluster_filter_match(&cluster, entity->fields[FIELD_CLUSTER])) {
        return http_reply_text(resp, 404, "%s", missing_text);
    }
    const char *text = entity->text;
    size_t len = entity->text_len;

    http_begin_pieces(resp, 2, release_entity, TAKE(entity));
    http_add_piece(resp, text, len);
    ADD_LITERAL(resp, "\n");
    return 0;
}
