/* Deployments. */
#include "model/deployment.h"

#include <stdlib.h>

#include "api/environments.h"
#include "api/failures.h"
#include "api/list.h"
#include "model/placement.h"
#include "util/js.h"
#include "util/log.h"
#include "util/uuid.h"

/* v0.3.0's router looked at the first value only, and took lower case only. */
bool has_deployment_token(const struct http_request *req)
{
    const char *token = query_first(&req->query, "deploymentToken");

    return token && uuid_is_valid(token);
}

/* ---- on the wire ----------------------------------------------------------------------------- */

/* The instances where the deployment has failed; placements are those of its environment. */
static void write_failed_instances(const struct deployment *deployment,
                                   const struct entity_list *placements, struct strbuf *out)
{
    strbuf_add_char(out, '[');
    for (size_t i = 0; i < placements->n; i++) {
        struct placement placement;

        placement_read(placements->items[i]->fields, &placement);
        if (placement_failed(&placement) && streq(placement.deployment, deployment->id)) {
            js_write_comma(out);
            js_write_string(out, placement.instance);
        }
    }
    strbuf_add_char(out, ']');
}

static void write_deployment(const struct deployment *deployment, const char *environment_name,
                             const struct entity_list *placements, struct strbuf *out)
{
    strbuf_add_char(out, '{');
    js_write_key(out, "environmentName");
    js_write_string(out, environment_name);
    js_write_key(out, "failedInstances");
    write_failed_instances(deployment, placements, out);
    js_write_key(out, "id");
    js_write_string(out, deployment->id);
    js_write_key(out, "status");
    js_write_string(out, deployment_status_name(deployment->status));
    js_write_key(out, "taskDefinition");
    js_write_string(out, deployment->task_definition);
    strbuf_add_char(out, '}');
}

static void list_of_environment(struct api *api, const char *environment_id,
                                struct entity_list *out)
{
    char prefix[DEPLOYMENT_KEY_LEN];

    if (deployment_key(environment_id, "", prefix)) {
        view_list_prefix(api->view, KIND_DEPLOYMENT, prefix, out);
    }
}

/* ---- get and list ---------------------------------------------------------------------------- */

int get_deployment(struct api *api, const struct http_request *req, struct http_response *resp,
                   struct error *err)
{
    const char *name = http_param(req, "name");
    const char *id = http_param(req, "id");
    char key[DEPLOYMENT_KEY_LEN];
    struct environment environment;
    struct deployment deployment;
    AUTO_ENTITY_LIST placements = {0};
    AUTO_STRBUF json = {0};

    if (catch_up(api, resp, err) < 0) {
        return -1;
    }
    AUTO(entity) *of = find_environment(api, name, &environment);

    if (!of) {
        return http_reply_text(resp, 404, "Environment %s does not exist", name);
    }
    AUTO(entity) *entity =
        deployment_key(environment.id, id, key) ? view_get(api->view, KIND_DEPLOYMENT, key) : NULL;

    if (!entity) {
        return http_reply_text(resp, 404, "Deployment %s does not exist for environment %s", id,
                               name);
    }
    deployment_read(entity->fields, &deployment);
    list_placements(api->view, environment.id, &placements);
    write_deployment(&deployment, name, &placements, &json);
    return http_reply_json(resp, &json);
}

/* Newest first; those of one moment by id, so that the order is the same everywhere. */
static int compare_places(int64_t left_ms, const char *left_id, int64_t right_ms,
                          const char *right_id)
{
    if (left_ms != right_ms) {
        return left_ms < right_ms ? 1 : -1;
    }
    return strcmp(left_id, right_id);
}

static int newest_first(const void *a, const void *b)
{
    const struct entity *const *left = a;
    const struct entity *const *right = b;

    return compare_places(
        entity_field_int(*left, DEPLOYMENT_CREATED_AT_MS), entity_field(*left, DEPLOYMENT_ID),
        entity_field_int(*right, DEPLOYMENT_CREATED_AT_MS), entity_field(*right, DEPLOYMENT_ID));
}

/* v0.3.0 looked at no parameter. */
static const char *const list_names[] = {NULL};
static const struct list_rules list_rules = {.name = "deployment", .names = list_names};

/* Those behind the list's place, in its order. */
static void collect(const struct list *list, const char *environment_id, struct entity_list *out)
{
    int64_t after_ms = list->follows ? strtoll(list->after.major, NULL, 10) : 0;
    size_t n = 0;

    list_of_environment(list->api, environment_id, out);
    for (size_t i = 0; i < out->n; i++) {
        struct entity *entity = out->items[i];

        if (!list->follows ||
            compare_places(entity_field_int(entity, DEPLOYMENT_CREATED_AT_MS),
                           entity_field(entity, DEPLOYMENT_ID), after_ms, list->after.minor) > 0) {
            out->items[n++] = entity;
        } else {
            entity_free(entity);
        }
    }
    out->n = n;
    if (n > 0) {
        qsort(out->items, n, sizeof(*out->items), newest_first);
    }
}

static int reply_list(struct list *list, const struct environment *environment)
{
    AUTO_ENTITY_LIST items = {0};
    AUTO_ENTITY_LIST placements = {0};
    AUTO_STRBUF json = {0};

    collect(list, environment->id, &items);
    list_placements(list->api->view, environment->id, &placements);
    bool more = list->max > 0 && items.n > list->max;
    size_t n = more ? list->max : items.n;

    strbuf_add_text(&json, "{\"items\":[");
    for (size_t i = 0; i < n; i++) {
        struct deployment deployment;

        deployment_read(items.items[i]->fields, &deployment);
        js_write_comma(&json);
        write_deployment(&deployment, environment->name, &placements, &json);
    }
    strbuf_add_char(&json, ']');
    list_finish(list, items.revision, more,
                more ? entity_field(items.items[n - 1], DEPLOYMENT_CREATED_AT_MS) : NULL,
                more ? entity_field(items.items[n - 1], DEPLOYMENT_ID) : NULL, &json);
    strbuf_add_char(&json, '}');
    return http_reply_json(list->resp, &json);
}

int list_deployments(struct api *api, const struct http_request *req, struct http_response *resp,
                     struct error *err)
{
    const char *name = http_param(req, "name");
    struct environment environment;
    struct list list;
    enum list_step step = list_open(api, &list_rules, req, resp, &list, err);

    if (step != LIST_GOES_ON) {
        return step == LIST_FAILED ? -1 : 0;
    }
    if (catch_up(api, resp, err) < 0) {
        return -1;
    }
    AUTO(entity) *of = find_environment(api, name, &environment);

    if (!of) {
        return http_reply_text(resp, 404, "Environment %s does not exist", name);
    }
    const struct cluster_filter of_cluster = {.arn = environment.cluster};

    step = list_begin(&list, VIEW_KIND(KIND_DEPLOYMENT) | VIEW_KIND(KIND_PLACEMENT), &of_cluster,
                      environment.id, err);
    if (step == LIST_GOES_ON) {
        return reply_list(&list, &environment);
    }
    return step == LIST_FAILED ? -1 : 0;
}

/* ---- create ---------------------------------------------------------------------------------- */

static bool is_token_used(struct api *api, const char *environment_id, const char *token)
{
    AUTO_ENTITY_LIST list = {0};

    list_of_environment(api, environment_id, &list);
    for (size_t i = 0; i < list.n; i++) {
        if (streq(entity_field(list.items[i], DEPLOYMENT_TOKEN), token)) {
            return true;
        }
    }
    return false;
}

/* The deployment, and the environment which now follows it, if it is still as we read it. */
static int commit_deployment(struct api *api, const struct http_request *req,
                             const struct environment *before, int64_t revision,
                             const struct deployment *deployment, struct commit_result *result,
                             struct error *err)
{
    struct environment after = *before;
    char key[DEPLOYMENT_KEY_LEN];
    AUTO_STRBUF deployment_line = {0};
    AUTO_STRBUF deployment_json = {0};
    AUTO_STRBUF environment_line = {0};
    AUTO_STRBUF environment_json = {0};

    if (!deployment_key(before->id, deployment->id, key)) {
        return error_set(err, ERR_INTERNAL, "environment %s has a bad id", before->name);
    }
    after.deployment = deployment->id;
    deployment_fields(deployment, &deployment_line);
    deployment_body(deployment, &deployment_json);
    environment_fields(&after, &environment_line);
    environment_body(&after, &environment_json);
    const struct commit_op ops[] = {
        {
            .kind = KIND_ENVIRONMENT,
            .key = after.name,
            .conditions = COMMIT_REVISION,
            .unchanged = revision,
            .version = "0",
            .fields = environment_line.text,
            .body = environment_json.text,
        },
        {
            .kind = KIND_DEPLOYMENT,
            .key = key,
            .conditions = COMMIT_ABSENT,
            .version = "0",
            .fields = deployment_line.text,
            .body = deployment_json.text,
        },
    };
    struct commit commit = commit_for(req, ops, ARRAY_LEN(ops));

    commit.durable = true;
    commit.audit_environment = after.name;
    commit.audit_what = "create-deployment";
    commit.audit_before = "";
    commit.audit_after = deployment_json.text;
    return commit_request(api, &commit, result, err);
}

/* One attempt. *done: the answer is in resp; else the environment changed meanwhile. */
static int try_create(struct api *api, const struct http_request *req, const char *name,
                      const char *token, struct http_response *resp, bool *done, struct error *err)
{
    char id[UUID_LEN];
    struct environment environment;
    struct commit_result result;
    AUTO_ENTITY_LIST none = {0};
    AUTO_STRBUF json = {0};

    *done = true;
    if (catch_up(api, resp, err) < 0) {
        return -1;
    }
    AUTO(entity) *of = find_environment(api, name, &environment);

    if (!of) {
        return http_reply_text(resp, 404, "Environment with name '%s' does not exist", name);
    }
    if (!streq(environment.token, token)) {
        return http_reply_text(
            resp, 400, "Token '%s' is outdated and does not match the environment token '%s'",
            token, environment.token);
    }
    if (is_token_used(api, environment.id, token)) {
        return http_reply_text(resp, 400, "Deployment with token '%s' already exists", token);
    }
    const struct deployment deployment = {
        .cluster = environment.cluster,
        .environment = environment.id,
        .id = id,
        .task_definition = environment.task_definition,
        .token = token,
        .status = DEPLOYMENT_PENDING,
        .created_at_ms = view_now_ms(api->view),
    };

    uuid_make(id);
    if (commit_deployment(api, req, &environment, of->revision, &deployment, &result, err) < 0) {
        return -1;
    }
    if (result.outcome == COMMIT_CONFLICT) {
        *done = false;
        return 0;
    }
    log_info("deployment.created", "environment=%s id=%s definition=%s", name, id,
             deployment.task_definition);
    reply_revision(resp, result.revision);
    write_deployment(&deployment, name, &none, &json);
    return http_reply_json(resp, &json);
}

int create_deployment(struct api *api, const struct http_request *req, struct http_response *resp,
                      struct error *err)
{
    const char *name = http_param(req, "name");
    const char *token = query_first(&req->query, "deploymentToken");

    for (int attempt = 0; attempt < CONFLICT_RETRIES; attempt++) {
        bool done = false;

        if (try_create(api, req, name, token, resp, &done, err) < 0) {
            return -1;
        }
        if (done) {
            return 0;
        }
    }
    return error_set(err, ERR_CONFLICT, "environment %s keeps changing", name);
}
