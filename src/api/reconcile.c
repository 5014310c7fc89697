/* POST /v1/reconcile: everybody may ask for a drift pass. */
#include "model/reconcile.h"
#include "api/api.h"
#include "api/cluster_filter.h"
#include "util/js.h"
#include "util/mem.h"

/* The clusters of the view which the filter fits. */
struct search {
    const struct cluster_filter *filter;
    char *arn; /* the first of them */
    bool several;
};

static void look_at(void *ctx, const struct entity *entity)
{
    struct search *search = ctx;
    const char *arn = entity_field(entity, FIELD_CLUSTER);

    if (!cluster_filter_match(search->filter, arn)) {
        return;
    }
    if (!search->arn) {
        search->arn = xstrdup(arn);
    } else if (!streq(search->arn, arn)) {
        search->several = true;
    }
}

/* The ARN behind the filter, of the caller; NULL is an error. An ARN may be one nobody knows yet, a
 * name is that of a cluster which is known: by its record, its instances or its environments. */
static char *find_cluster(struct view *view, const struct cluster_filter *filter, struct error *err)
{
    static const enum kind kinds[] = {KIND_CLUSTER, KIND_INSTANCE, KIND_ENVIRONMENT};
    struct search search = {.filter = filter};

    if (filter->arn) {
        return xstrdup(filter->arn);
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        view_each(view, kinds[k], NULL, look_at, &search);
    }
    AUTO_CHAR *arn = search.arn;

    if (!arn) {
        error_set(err, ERR_NOT_FOUND,
                  "no cluster \"%s\" is known: ask with its ARN, or without a cluster for all",
                  filter->name);
        return NULL;
    }
    if (search.several) {
        error_set(err, ERR_INVALID, "several clusters are called \"%s\": ask with an ARN",
                  filter->name);
        return NULL;
    }
    return TAKE(arn);
}

static int leave_wish(struct api *api, const struct http_request *req, const struct reconcile *wish,
                      int64_t *revision, struct error *err)
{
    AUTO_STRBUF fields = {0}, body = {0};

    reconcile_fields(wish, &fields);
    reconcile_body(wish, &body);
    const struct commit_op op = {.kind = KIND_RECONCILE,
                                 .key = reconcile_key(wish),
                                 .version = "0",
                                 .fields = fields.text,
                                 .body = body.text};
    struct commit commit = commit_for(req, &op, 1);
    struct commit_result *result = xmalloc(sizeof(*result));
    int outcome = commit_request(api, &commit, result, err);

    *revision = result->revision;
    free(result);
    return outcome;
}

static int reply_accepted(struct http_response *resp, const struct reconcile *wish,
                          int64_t revision)
{
    AUTO_STRBUF json = {0};

    strbuf_add_char(&json, '{');
    js_write_key(&json, "cluster");
    js_write_string(&json, reconcile_key(wish));
    js_write_key(&json, "revision");
    strbuf_addf(&json, "\"%lld\"}", (long long)revision);
    reply_revision(resp, revision);
    return http_reply_body(resp, 202, HTTP_JSON, &json);
}

int reconcile(struct api *api, const struct http_request *req, struct http_response *resp,
              struct error *err)
{
    static const char *const names[] = {"cluster", NULL};
    struct cluster_filter filter;
    AUTO_CHAR *cluster = NULL;
    int64_t revision;

    if (!query_has_only(&req->query, names) || query_repeats(&req->query)) {
        return error_set(err, ERR_INVALID, "want no parameter but one \"cluster\"");
    }
    if (!cluster_filter_parse(&req->query, &filter)) {
        return error_set(err, ERR_INVALID, CLUSTER_FILTER_INVALID);
    }
    if (filter.name || filter.arn) {
        cluster = find_cluster(api->view, &filter, err);
        if (!cluster) {
            return -1;
        }
    }
    const struct reconcile wish = {.cluster = cluster ? cluster : ""};

    if (leave_wish(api, req, &wish, &revision, err) < 0) {
        return -1;
    }
    return reply_accepted(resp, &wish, revision);
}
