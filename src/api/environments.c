/* Environments. */
#include "api/environments.h"

#include <stdlib.h>

#include "api/ecs_answers.h"
#include "api/environment_request.h"
#include "api/failures.h"
#include "api/list.h"
#include "util/clock.h"
#include "util/js.h"
#include "util/log.h"
#include "util/uuid.h"

/* ---- on the wire ----------------------------------------------------------------------------- */

static void write_environment(const struct environment *environment, bool healthy,
                              struct strbuf *out)
{
    strbuf_add_char(out, '{');
    js_write_key(out, "deploymentToken");
    js_write_string(out, environment->token);
    js_write_key(out, "health");
    js_write_string(out, healthy ? "healthy" : "unhealthy");
    js_write_key(out, "instanceGroup");
    strbuf_add_char(out, '{');
    js_write_key(out, "cluster");
    js_write_string(out, environment->cluster);
    strbuf_add_char(out, '}');
    js_write_key(out, "name");
    js_write_string(out, environment->name);
    js_write_key(out, "taskDefinition");
    js_write_string(out, environment->task_definition);
    strbuf_add_char(out, '}');
}

static int reply_environment(struct http_response *resp, const struct environment *environment,
                             bool healthy)
{
    AUTO_STRBUF json = {0};

    write_environment(environment, healthy, &json);
    return http_reply_json(resp, &json);
}

static bool is_healthy(const struct environment *environment, const struct failures *failures)
{
    return !failures_has(failures, environment->deployment);
}

/* ---- get and list ---------------------------------------------------------------------------- */

struct entity *find_environment(struct api *api, const char *name, struct environment *out)
{
    AUTO(entity) *entity = view_get(api->view, KIND_ENVIRONMENT, name);

    if (!entity) {
        return NULL;
    }
    environment_read(entity->fields, out);
    /* A deleted one is kept under its id, which is no name. */
    return out->status == ENVIRONMENT_ACTIVE ? TAKE(entity) : NULL;
}

int get_environment(struct api *api, const struct http_request *req, struct http_response *resp,
                    struct error *err)
{
    const char *name = http_param(req, "name");
    struct environment environment;

    if (catch_up(api, resp, err) < 0) {
        return -1;
    }
    AUTO(entity) *entity = find_environment(api, name, &environment);

    if (!entity) {
        return http_reply_text(resp, 404, "Environment %s does not exist", name);
    }
    AUTO(failures) *failures = failures_find(api->view, environment.id);

    return reply_environment(resp, &environment, is_healthy(&environment, failures));
}

static int by_name(const void *a, const void *b)
{
    const struct entity *const *left = a;
    const struct entity *const *right = b;

    return strcmp((*left)->fields[ENVIRONMENT_NAME], (*right)->fields[ENVIRONMENT_NAME]);
}

static const char *const list_names[] = {"cluster", NULL};

static const struct list_rules list_rules = {
    .name = "environment",
    .names = list_names,
    .unsupported = "At least one of the filters provided is not supported",
};

/* The living ones which the filter lets through and the page has not passed, by name. */
static void collect(const struct list *list, const struct cluster_filter *filter,
                    struct entity_list *out)
{
    size_t n = 0;

    view_list(list->api->view, KIND_ENVIRONMENT, filter->arn, out);
    for (size_t i = 0; i < out->n; i++) {
        struct environment environment;

        environment_read(out->items[i]->fields, &environment);
        if (environment.status == ENVIRONMENT_ACTIVE &&
            cluster_filter_match(filter, environment.cluster) &&
            (!list->follows || strcmp(environment.name, list->after.major) > 0)) {
            out->items[n++] = out->items[i];
        } else {
            entity_free(out->items[i]);
        }
    }
    out->n = n;
    if (n > 0) {
        qsort(out->items, n, sizeof(*out->items), by_name);
    }
}

static int reply_list(struct list *list, const struct cluster_filter *filter)
{
    AUTO(failures) *failures = failures_find(list->api->view, NULL);
    AUTO_ENTITY_LIST items = {0};
    AUTO_STRBUF json = {0};

    collect(list, filter, &items);
    bool more = list->max > 0 && items.n > list->max;
    size_t n = more ? list->max : items.n;

    strbuf_add_text(&json, "{\"items\":[");
    for (size_t i = 0; i < n; i++) {
        struct environment environment;

        environment_read(items.items[i]->fields, &environment);
        js_write_comma(&json);
        write_environment(&environment, is_healthy(&environment, failures), &json);
    }
    strbuf_add_char(&json, ']');
    list_finish(list, items.revision, more,
                more ? entity_field(items.items[n - 1], ENVIRONMENT_NAME) : NULL, "", &json);
    strbuf_add_char(&json, '}');
    return http_reply_json(list->resp, &json);
}

int list_environments(struct api *api, const struct http_request *req, struct http_response *resp,
                      struct error *err)
{
    struct cluster_filter filter;
    struct list list;
    enum list_step step = list_open(api, &list_rules, req, resp, &list, err);

    if (step == LIST_GOES_ON && !cluster_filter_parse(&req->query, &filter)) {
        step = list_refuse(&list, CLUSTER_FILTER_INVALID, err);
    }
    if (step == LIST_GOES_ON && catch_up(api, resp, err) < 0) {
        return -1;
    }
    if (step == LIST_GOES_ON) {
        step = list_begin(&list, VIEW_KIND(KIND_ENVIRONMENT) | VIEW_KIND(KIND_PLACEMENT), &filter,
                          "", err);
    }
    if (step == LIST_GOES_ON) {
        return reply_list(&list, &filter);
    }
    return step == LIST_FAILED ? -1 : 0;
}

/* ---- create ---------------------------------------------------------------------------------- */

static int commit_new(struct api *api, const struct http_request *req,
                      const struct environment *environment, struct commit_result *result,
                      struct error *err)
{
    AUTO_STRBUF fields = {0};
    AUTO_STRBUF body = {0};

    environment_fields(environment, &fields);
    environment_body(environment, &body);
    const struct commit_op op = {
        .kind = KIND_ENVIRONMENT,
        .key = environment->name,
        .conditions = COMMIT_ABSENT,
        .version = "0",
        .fields = fields.text,
        .body = body.text,
    };
    struct commit commit = commit_for(req, &op, 1);

    commit.durable = true;
    commit.audit_environment = environment->name;
    commit.audit_what = "create-environment";
    commit.audit_before = "";
    commit.audit_after = body.text;
    return commit_request(api, &commit, result, err);
}

/* v0.3.0 let two environments put the same task on the same instances: so do we, but say it. */
static void warn_of_overlap(struct api *api, const struct environment *environment)
{
    AUTO_ENTITY_LIST list = {0};

    view_list(api->view, KIND_ENVIRONMENT, environment->cluster, &list);
    for (size_t i = 0; i < list.n; i++) {
        struct environment other;

        environment_read(list.items[i]->fields, &other);
        if (other.status == ENVIRONMENT_ACTIVE && !streq(other.id, environment->id) &&
            streq(other.task_definition, environment->task_definition)) {
            log_warn("environment.overlaps", "name=%s with=%s cluster=%s definition=%s",
                     environment->name, other.name, other.cluster, other.task_definition);
        }
    }
}

static int create_resolved(struct api *api, const struct http_request *req, const char *name,
                           const struct resolved *resolved, struct http_response *resp,
                           struct error *err)
{
    char id[UUID_LEN];
    char token[UUID_LEN];
    struct commit_result result;
    const struct environment environment = {
        .cluster = resolved->cluster,
        .id = id,
        .name = name,
        .task_definition = resolved->task_definition,
        .token = token,
        .deployment = "",
        .status = ENVIRONMENT_ACTIVE,
        .created_at_ms = view_now_ms(api->view),
    };

    uuid_make(id);
    uuid_make(token);
    if (commit_new(api, req, &environment, &result, err) < 0) {
        return -1;
    }
    if (result.outcome == COMMIT_CONFLICT) {
        return http_reply_text(resp, 400,
                               "Error saving environment %s to store: An environment with name %s "
                               "already exists",
                               name, name);
    }
    log_info("environment.created", "name=%s id=%s cluster=%s definition=%s", name, id,
             environment.cluster, environment.task_definition);
    warn_of_overlap(api, &environment);
    reply_revision(resp, result.revision);
    return reply_environment(resp, &environment, true);
}

int create_environment(struct api *api, const struct http_request *req, struct http_response *resp,
                       struct error *err)
{
    struct environment_request request;
    struct resolved resolved;
    AUTO_STRBUF complaint = {0};
    int rc = 0;

    if (!environment_request_parse(req->body, req->body_len, &request, &complaint)) {
        return http_reply_text(resp, 400, "%s", complaint.text);
    }
    if (resolve_at_ecs(api, request.cluster, request.task_definition, &resolved, resp)) {
        rc = create_resolved(api, req, request.name, &resolved, resp, err);
        resolved_clear(&resolved);
    }
    environment_request_clear(&request);
    return rc;
}

/* ---- delete ---------------------------------------------------------------------------------- */

/* The name becomes free; what was there stays readable under its id. */
static int commit_deleted(struct api *api, const struct http_request *req,
                          const struct entity *entity, struct commit_result *result,
                          struct error *err)
{
    struct environment environment;
    AUTO_STRBUF fields = {0};
    AUTO_STRBUF before = {0};
    AUTO_STRBUF after = {0};

    environment_read(entity->fields, &environment);
    environment_body(&environment, &before);
    environment.status = ENVIRONMENT_DELETED;
    environment.deleted_at_ms = view_now_ms(api->view);
    environment_fields(&environment, &fields);
    environment_body(&environment, &after);
    const struct commit_op ops[] = {
        {
            .kind = KIND_ENVIRONMENT,
            .key = environment.name,
            .conditions = COMMIT_REVISION,
            .unchanged = entity->revision,
            .version = "0",
            .fields = fields.text,
        },
        {
            .kind = KIND_ENVIRONMENT,
            .key = environment.id,
            .conditions = COMMIT_ABSENT,
            .version = "0",
            .fields = fields.text,
            .body = after.text,
        },
    };
    struct commit commit = commit_for(req, ops, ARRAY_LEN(ops));

    commit.durable = true;
    commit.audit_environment = environment.name;
    commit.audit_what = "delete-environment";
    commit.audit_before = before.text;
    commit.audit_after = after.text;
    return commit_request(api, &commit, result, err);
}

/* Deleting what is not there is a success, too. Its tasks keep running. */
int delete_environment(struct api *api, const struct http_request *req, struct http_response *resp,
                       struct error *err)
{
    const char *name = http_param(req, "name");

    for (int attempt = 0; attempt < CONFLICT_RETRIES; attempt++) {
        struct environment environment;
        struct commit_result result;

        if (catch_up(api, resp, err) < 0) {
            return -1;
        }
        AUTO(entity) *entity = find_environment(api, name, &environment);

        if (!entity) {
            return http_reply_empty(resp, 200, NULL);
        }
        if (commit_deleted(api, req, entity, &result, err) < 0) {
            return -1;
        }
        if (result.outcome == COMMIT_DONE) {
            log_info("environment.deleted", "name=%s id=%s", name, environment.id);
            reply_revision(resp, result.revision);
            return http_reply_empty(resp, 200, NULL);
        }
    }
    return error_set(err, ERR_CONFLICT, "environment %s keeps changing", name);
}
