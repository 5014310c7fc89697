/* Clusters: what is known of each, and how fresh it is. */
#include <stdlib.h>

#include "api/api.h"
#include "api/list.h"
#include "util/js.h"
#include "util/mem.h"

/* What v0.3.0 and ECS call the statuses; what is in none of them shows in the count alone. */
static const char *const instance_statuses[] = {"ACTIVE", "DRAINING", "REGISTERING",
                                                "DEREGISTERING", "INACTIVE"};
static const char *const task_statuses[] = {"PROVISIONING",   "PENDING", "ACTIVATING",
                                            "RUNNING",        "STOPPED", "DEACTIVATING",
                                            "DEPROVISIONING", "STOPPING"};

/* ---- one ------------------------------------------------------------------------------------- */

/* `"name":{"count":3,"byStatus":{"RUNNING":3}}` */
static void write_counts(struct view *view, const char *name, enum kind kind,
                         const char *cluster_arn, const char *const *statuses, size_t n_statuses,
                         struct strbuf *out)
{
    js_write_key(out, name);
    strbuf_add_char(out, '{');
    js_write_key(out, "count");
    strbuf_add_int(out, (int64_t)view_count(view, kind, cluster_arn));
    js_write_key(out, "byStatus");
    strbuf_add_char(out, '{');
    for (size_t s = 0; s < n_statuses; s++) {
        size_t n = view_count_by(view, kind, cluster_arn, BY_STATUS, statuses[s]);

        if (n > 0) {
            js_write_key(out, statuses[s]);
            strbuf_add_int(out, (int64_t)n);
        }
    }
    strbuf_add_text(out, "}}");
}

/* null when it never was. */
static void write_age(const char *name, int64_t at_ms, int64_t now_ms, struct strbuf *out)
{
    js_write_key(out, name);
    if (at_ms > 0) {
        strbuf_add_int(out, now_ms > at_ms ? now_ms - at_ms : 0);
    } else {
        strbuf_add_text(out, "null");
    }
}

/* Synced: a drift pass has compared all of it with ECS since writes may last have been lost. */
static void write_cluster(struct view *view, const char *arn, struct strbuf *out)
{
    AUTO(entity) *cluster = view_get(view, KIND_CLUSTER, arn);
    const unsigned kinds = VIEW_KIND(KIND_TASK) | VIEW_KIND(KIND_INSTANCE);
    int64_t now_ms = view_now_ms(view);
    int64_t passed = cluster ? entity_field_int(cluster, CLUSTER_SYNCED_REVISION) : 0;
    const struct view_stamp stamp = view_stamp(view, kinds, arn, NULL);
    bool synced = passed > 0 && passed >= stamp.epoch;

    strbuf_add_char(out, '{');
    js_write_key(out, "clusterARN");
    js_write_string(out, arn);
    js_write_key(out, "status");
    js_write_string(out, cluster ? entity_field(cluster, CLUSTER_STATUS) : NULL);
    write_counts(view, "instances", KIND_INSTANCE, arn, instance_statuses,
                 ARRAY_LEN(instance_statuses), out);
    write_counts(view, "tasks", KIND_TASK, arn, task_statuses, ARRAY_LEN(task_statuses), out);
    js_write_key(out, "revision");
    strbuf_addf(out, "\"%lld\"", (long long)stamp.changed);
    write_age("lastEventAgeMs", view_heard_ms(view, arn), now_ms, out);
    write_age("lastDriftAgeMs", cluster ? entity_field_int(cluster, CLUSTER_SYNCED_AT_MS) : 0,
              now_ms, out);
    js_write_key(out, "lastDriftRevision");
    if (passed > 0) {
        strbuf_addf(out, "\"%lld\"", (long long)passed);
    } else {
        strbuf_add_text(out, "null");
    }
    js_write_key(out, "synced");
    strbuf_add_text(out, synced ? "true" : "false");
    strbuf_add_char(out, '}');
}

/* ---- the list -------------------------------------------------------------------------------- */

static const char *const list_names[] = {NULL};
static const struct list_rules list_rules = {
    .name = "cluster",
    .names = list_names,
    .unsupported = "Unknown parameter: want maxResults or nextToken",
};

/* Copies of the ARNs behind the list's place. */
struct arns {
    const struct list *list;
    char **items;
    size_t n;
};

static void arns_clear(struct arns *arns)
{
    for (size_t i = 0; i < arns->n; i++) {
        free(arns->items[i]);
    }
    free(arns->items);
}
#define AUTO_ARNS __attribute__((cleanup(arns_clear))) struct arns

static void add_arn(void *ctx, const char *cluster_arn)
{
    struct arns *arns = ctx;
    const struct list *list = arns->list;
    bool passed = list->follows && strcmp(cluster_arn, list->after.major) <= 0;

    if (passed || (list->max > 0 && arns->n == list_wanted(list))) {
        return;
    }
    arns->items = xreallocarray(arns->items, arns->n + 1, sizeof(*arns->items));
    arns->items[arns->n++] = xstrdup(cluster_arn);
}

static int reply_list(struct list *list)
{
    struct view *view = list->api->view;
    int64_t revision = view_revision(view);
    AUTO_ARNS arns = {.list = list};
    AUTO_STRBUF json = {0};

    view_clusters(view, add_arn, &arns);
    bool more = list->max > 0 && arns.n > list->max;
    size_t n = more ? list->max : arns.n;

    strbuf_add_text(&json, "{\"items\":[");
    for (size_t i = 0; i < n; i++) {
        js_write_comma(&json);
        write_cluster(view, arns.items[i], &json);
    }
    strbuf_add_char(&json, ']');
    list_finish(list, revision, more, more ? arns.items[n - 1] : NULL, "", &json);
    strbuf_add_char(&json, '}');
    return http_reply_json(list->resp, &json);
}

int list_clusters(struct api *api, const struct http_request *req, struct http_response *resp,
                  struct error *err)
{
    const struct cluster_filter all = {0};
    struct list list;

    enum list_step step = list_open(api, &list_rules, req, resp, &list, err);

    if (step == LIST_GOES_ON) {
        step = list_begin(&list, 0, &all, "", err);
    }
    if (step == LIST_GOES_ON) {
        return reply_list(&list);
    }
    return step == LIST_FAILED ? -1 : 0;
}
