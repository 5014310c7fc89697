/* Lists are concatenations of what the view holds ready: nothing is parsed or copied. */
#include "api/entities.h"

#include <stdlib.h>

#include "api/instance_query.h"
#include "api/list.h"
#include "util/mem.h"

#define UNSUPPORTED "At least one of the filters provided is unsupported"

/* ---- which ----------------------------------------------------------------------------------- */

/* Task ARNs name no instance a query means: these do. In order of ARN. */
struct instance_set {
    struct entity_list instances;
    const char **arns;
    const char **ids; /* the ends of the ARNs, for the view's index */
    size_t n;
};

static void instance_set_clear(struct instance_set *set)
{
    entity_list_clear(&set->instances);
    free(set->arns);
    free(set->ids);
}
#define AUTO_INSTANCE_SET __attribute__((cleanup(instance_set_clear))) struct instance_set

static int by_text(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(*left, *right);
}

static bool has_instance(const struct instance_set *set, const char *arn)
{
    return bsearch(&arn, set->arns, set->n, sizeof(arn), by_text);
}

/* What one list asks the view for. */
struct wanted {
    const struct filter_rules *rules;
    const struct filters *filters;
    const struct instance_set *instances; /* tasks: only on these; or NULL */
};

static bool is_wanted(void *ctx, const struct entity *entity)
{
    const struct wanted *wanted = ctx;

    return filters_match(wanted->rules, wanted->filters, entity) &&
           (!wanted->instances || has_instance(wanted->instances, entity->fields[TASK_INSTANCE]));
}

/* The instances which a task list's filters mean. False: the query is too hard. */
static bool find_instances(struct view *view, const struct filters *filters,
                           struct instance_set *out)
{
    const struct filters about = {
        .cluster = filters->cluster,
        .ec2_instance_id = filters->ec2_instance_id,
    };
    struct wanted wanted = {.rules = &instance_filters, .filters = &about};
    struct selection selection = {.matches = is_wanted, .ctx = &wanted};

    filters_select(&instance_filters, &about, &selection);
    view_select(view, &selection, &out->instances);
    if (filters->query && !instances_keep(view, filters->query, 0, &out->instances)) {
        return false;
    }
    out->n = out->instances.n;
    out->arns = xcalloc(out->n, sizeof(*out->arns));
    out->ids = xcalloc(out->n, sizeof(*out->ids));
    for (size_t i = 0; i < out->n; i++) {
        const char *arn = out->instances.items[i]->key;
        const char *slash = strrchr(arn, '/');

        out->arns[i] = arn;
        out->ids[i] = slash ? slash + 1 : arn;
    }
    if (out->n > 0) {
        qsort(out->arns, out->n, sizeof(*out->arns), by_text);
    }
    return true;
}

/* Up to list_wanted entities behind the list's place. False: the query is too hard. */
static bool collect(const struct list *list, const struct filter_rules *rules,
                    const struct filters *filters, struct entity_list *out)
{
    struct view *view = list->api->view;
    struct wanted wanted = {.rules = rules, .filters = filters};
    struct selection selection = {
        .ctx = &wanted,
        .after_cluster = list->follows ? list->after.major : NULL,
        .after_key = list->follows ? list->after.minor : NULL,
        .max = list_wanted(list),
    };
    AUTO_INSTANCE_SET instances = {0};

    filters_select(rules, filters, &selection);
    if (rules->kind == KIND_TASK && (filters->query || filters->ec2_instance_id)) {
        if (!find_instances(view, filters, &instances)) {
            return false;
        }
        wanted.instances = &instances;
        selection.hints[selection.n_hints++] =
            (struct selection_hint){BY_INSTANCE, instances.ids, instances.n};
    }
    if (selection.n_hints > 0) {
        selection.matches = is_wanted;
    }
    if (rules->kind == KIND_INSTANCE && filters->query) {
        selection.max = 0; /* the query decides how many are left */
    }
    view_select(view, &selection, out);
    if (wanted.instances) {
        out->revision = instances.instances.revision; /* the older one */
    }
    return rules->kind != KIND_INSTANCE || !filters->query ||
           instances_keep(view, filters->query, list_wanted(list), out);
}

/* ---- lists ----------------------------------------------------------------------------------- */

/* What the pieces of an answer point into. */
struct shown {
    struct entity_list list;
    struct strbuf end;
};

static void release_shown(void *owner)
{
    struct shown *shown = owner;

    entity_list_clear(&shown->list);
    strbuf_clear(&shown->end);
    free(shown);
}

#define ADD_LITERAL(resp, text) http_add_piece((resp), (text), sizeof(text) - 1)

/* Takes what the items hold. */
static int reply_items(struct list *list, struct entity_list *items)
{
    struct http_response *resp = list->resp;
    struct shown *shown = xcalloc(1, sizeof(*shown));
    bool more = list->max > 0 && items->n > list->max;
    size_t n = more ? list->max : items->n;

    shown->list = *items;
    *items = (struct entity_list){0};
    strbuf_add_char(&shown->end, ']');
    list_finish(list, shown->list.revision, more,
                more ? shown->list.items[n - 1]->fields[FIELD_CLUSTER] : NULL,
                more ? shown->list.items[n - 1]->key : NULL, &shown->end);
    strbuf_add_text(&shown->end, "}\n");
    http_begin_pieces(resp, n + 2, release_shown, shown);
    ADD_LITERAL(resp, "{\"items\":[");
    for (size_t i = 0; i < n; i++) {
        const struct entity *entity = shown->list.items[i];

        if (i == 0) {
            http_add_piece(resp, entity->text, entity->text_len);
        } else { /* with the comma before it */
            http_add_piece(resp, entity->text - 1, entity->text_len + 1);
        }
    }
    http_add_piece(resp, shown->end.text, shown->end.len);
    list_offer_copy(list);
    return 0;
}

/* A query, and a task's EC2 instance, are about other entities, too. */
static unsigned kinds_of(const struct filter_rules *rules, const struct filters *filters)
{
    unsigned kinds = VIEW_KIND(rules->kind);

    if (filters->query && selector_reads_tasks(filters->query)) {
        kinds |= VIEW_KIND(KIND_TASK);
    }
    if (filters->query || filters->ec2_instance_id) {
        kinds |= VIEW_KIND(KIND_INSTANCE);
    }
    return kinds;
}

static enum list_step list_entities(struct list *list, const struct filter_rules *rules,
                                    struct error *err)
{
    AUTO_FILTERS filters = {0};
    AUTO_STRBUF wrong = {0};
    AUTO_ENTITY_LIST items = {0};

    if (!filters_parse(rules, &list->req->query, &filters, &wrong)) {
        return list_refuse(list, wrong.text, err);
    }
    enum list_step step = list_begin(list, kinds_of(rules, &filters), &filters.cluster, "", err);

    if (step == LIST_GOES_ON) {
        if (!collect(list, rules, &filters, &items)) {
            return list_refuse(list, QUERY_TOO_HARD, err);
        }
        reply_items(list, &items);
    }
    return step;
}

int reply_entity_list(struct api *api, const struct filter_rules *rules,
                      const struct http_request *req, struct http_response *resp, struct error *err)
{
    const struct list_rules of_list = {
        .name = kind_name(rules->kind),
        .names = rules->names,
        .unsupported = UNSUPPORTED,
    };
    struct list list;
    enum list_step step = list_open(api, &of_list, req, resp, &list, err);

    if (step == LIST_GOES_ON) {
        step = list_entities(&list, rules, err);
    }
    return step == LIST_FAILED ? -1 : 0;
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
