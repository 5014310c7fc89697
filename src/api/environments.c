/* Environments. */
#include "api/environments.h"

#include <stdlib.h>

#include "api/cluster_filter.h"
#include "api/ecs_answers.h"
#include "api/environment_request.h"
#include "api/failures.h"
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

static const char *check_filters(const struct query *query, struct cluster_filter *out)
{
    static const char *const names[] = {"cluster", NULL};

    if (!query_has_only(query, names)) {
        return "At least one of the filters provided is not supported";
    }
    if (query_repeats(query)) {
        return "At least one of the filters provided is specified multiple times";
    }
    return cluster_filter_parse(query, out) ? NULL : CLUSTER_FILTER_INVALID;
}

static bool is_listed(const struct environment *environment, const struct cluster_filter *filter)
{
    return environment->status == ENVIRONMENT_ACTIVE &&
           cluster_filter_match(filter, environment->cluster);
}

static int by_name(const void *a, const void *b)
{
    const struct entity *const *left = a;
    const struct entity *const *right = b;

    return strcmp((*left)->fields[ENVIRONMENT_NAME], (*right)->fields[ENVIRONMENT_NAME]);
}

int list_environments(struct api *api, const struct http_request *req, struct http_response *resp,
                      struct error *err)
{
    struct cluster_filter filter;
    const char *wrong = check_filters(&req->query, &filter);
    AUTO_ENTITY_LIST list = {0};
    AUTO_STRBUF json = {0};

    if (wrong) {
        return http_reply_text(resp, 400, "%s", wrong);
    }
    if (catch_up(api, resp, err) < 0) {
        return -1;
    }
    AUTO(failures) *failures = failures_find(api->view, NULL);

    view_list(api->view, KIND_ENVIRONMENT, filter.arn, &list);
    if (list.n > 0) {
        qsort(list.items, list.n, sizeof(*list.items), by_name);
    }
    strbuf_add_text(&json, "{\"items\":[");
    for (size_t i = 0; i < list.n; i++) {
        struct environment environment;

        environment_read(list.items[i]->fields, &environment);
        if (is_listed(&environment, &filter)) {
            js_write_comma(&json);
            write_environment(&environment, is_healthy(&environment, failures), &json);
        }
    }
    strbuf_add_text(&json, "]}");
    return http_reply_json(resp, &json);
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
    struct commit commit = {
        .cause = "api",
        .durable = true,
        .ops = &op,
        .n_ops = 1,
        .audit_environment = environment->name,
        .audit_request = req->id,
        .audit_what = "create-environment",
        .audit_before = "",
        .audit_after = body.text,
    };

    commit_id_make(commit.id);
    return commit_request(api, &commit, result, err);
}

/* v0.3.0 allowed two environments to put the same task on the same instances: so do we, but say it.
 */
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
    struct commit commit = {
        .cause = "api",
        .durable = true,
        .ops = ops,
        .n_ops = ARRAY_LEN(ops),
        .audit_environment = environment.name,
        .audit_request = req->id,
        .audit_what = "delete-environment",
        .audit_before = before.text,
        .audit_after = after.text,
    };

    commit_id_make(commit.id);
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
