/* Environments: names, the field line and the stored body. */
#include "model/environment.h"

#include <jansson.h>
#include <stdlib.h>

#include "util/mem.h"

bool environment_name_is_valid(const char *name)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t len = strspn(name, letters);

    return len >= 1 && len <= ENVIRONMENT_NAME_MAX && name[len] == '\0';
}

static const char *status_name(enum environment_status status)
{
    return status == ENVIRONMENT_ACTIVE ? "active" : "deleted";
}

void environment_read(const char *const fields[FIELDS_MAX], struct environment *out)
{
    *out = (struct environment){
        .cluster = fields[ENVIRONMENT_CLUSTER],
        .id = fields[ENVIRONMENT_ID],
        .name = fields[ENVIRONMENT_NAME],
        .task_definition = fields[ENVIRONMENT_TASK_DEFINITION],
        .token = fields[ENVIRONMENT_TOKEN],
        .deployment = fields[ENVIRONMENT_DEPLOYMENT],
        .status =
            streq(fields[ENVIRONMENT_STATUS], "active") ? ENVIRONMENT_ACTIVE : ENVIRONMENT_DELETED,
        .created_at_ms = strtoll(fields[ENVIRONMENT_CREATED_AT_MS], NULL, 10),
        .deleted_at_ms = strtoll(fields[ENVIRONMENT_DELETED_AT_MS], NULL, 10),
    };
}

void environment_fields(const struct environment *environment, struct strbuf *out)
{
    fields_add(out, environment->cluster);
    fields_add(out, environment->id);
    fields_add(out, environment->name);
    fields_add(out, environment->task_definition);
    fields_add(out, environment->token);
    fields_add(out, environment->deployment);
    fields_add(out, status_name(environment->status));
    fields_add_int(out, environment->created_at_ms);
    if (environment->deleted_at_ms) {
        fields_add_int(out, environment->deleted_at_ms);
    } else {
        fields_add(out, "");
    }
}

void environment_body(const struct environment *environment, struct strbuf *out)
{
    json_auto_t *body = json_pack(
        "{ss ss ss ss ss ss ss sI sI}", "cluster", environment->cluster, "id", environment->id,
        "name", environment->name, "taskDefinition", environment->task_definition,
        "deploymentToken", environment->token, "deployment", environment->deployment, "status",
        status_name(environment->status), "createdAtMs", (json_int_t)environment->created_at_ms,
        "deletedAtMs", (json_int_t)environment->deleted_at_ms);
    AUTO_CHAR *text = json_dumps(body, JSON_COMPACT);

    strbuf_add_text(out, text);
}
