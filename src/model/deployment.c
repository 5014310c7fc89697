/* Deployments: keys, status words, the field line and the stored body. */
#include "model/deployment.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

static const char *const status_names[] = {
    [DEPLOYMENT_PENDING] = "pending",
    [DEPLOYMENT_RUNNING] = "running",
    [DEPLOYMENT_COMPLETED] = "completed",
};

bool deployment_key(const char *environment_id, const char *id, char out[DEPLOYMENT_KEY_LEN])
{
    int len = snprintf(out, DEPLOYMENT_KEY_LEN, "%s/%s", environment_id, id);

    if (len < 0 || len >= DEPLOYMENT_KEY_LEN) {
        out[0] = '\0';
        return false;
    }
    return true;
}

const char *deployment_status_name(enum deployment_status status)
{
    return status_names[status];
}

static enum deployment_status status_parse(const char *name)
{
    for (size_t s = 0; s < ARRAY_LEN(status_names); s++) {
        if (streq(name, status_names[s])) {
            return (enum deployment_status)s;
        }
    }
    return DEPLOYMENT_PENDING;
}

void deployment_read(const char *const fields[FIELDS_MAX], struct deployment *out)
{
    *out = (struct deployment){
        .cluster = fields[DEPLOYMENT_CLUSTER],
        .environment = fields[DEPLOYMENT_ENVIRONMENT],
        .id = fields[DEPLOYMENT_ID],
        .task_definition = fields[DEPLOYMENT_TASK_DEFINITION],
        .token = fields[DEPLOYMENT_TOKEN],
        .status = status_parse(fields[DEPLOYMENT_STATUS]),
        .created_at_ms = strtoll(fields[DEPLOYMENT_CREATED_AT_MS], NULL, 10),
        .completed_at_ms = strtoll(fields[DEPLOYMENT_COMPLETED_AT_MS], NULL, 10),
    };
}

void deployment_fields(const struct deployment *deployment, struct strbuf *out)
{
    fields_add(out, deployment->cluster);
    fields_add(out, deployment->environment);
    fields_add(out, deployment->id);
    fields_add(out, deployment->task_definition);
    fields_add(out, deployment->token);
    fields_add(out, deployment_status_name(deployment->status));
    fields_add_int(out, deployment->created_at_ms);
    if (deployment->completed_at_ms) {
        fields_add_int(out, deployment->completed_at_ms);
    } else {
        fields_add(out, "");
    }
}

void deployment_body(const struct deployment *deployment, struct strbuf *out)
{
    json_auto_t *body =
        json_pack("{ss ss ss ss ss ss sI sI}", "cluster", deployment->cluster, "environment",
                  deployment->environment, "id", deployment->id, "taskDefinition",
                  deployment->task_definition, "deploymentToken", deployment->token, "status",
                  deployment_status_name(deployment->status), "createdAtMs",
                  (json_int_t)deployment->created_at_ms, "completedAtMs",
                  (json_int_t)deployment->completed_at_ms);
    AUTO_CHAR *text = json_dumps(body, JSON_COMPACT);

    strbuf_add_text(out, text);
}
