/* Placements: keys, state words, the ledger of tasks, the field line and the stored body. */
#include "model/placement.h"

#include <jansson.h>
#include <stdlib.h>

#include "util/mem.h"

static const char *const state_names[] = {
    [PLACEMENT_STARTING] = "starting",
    [PLACEMENT_PLACED] = "placed",
    [PLACEMENT_STOPPING] = "stopping",
    [PLACEMENT_WAITING] = "waiting",
};

void placement_key(const char *environment_id, const char *instance_arn, struct strbuf *out)
{
    strbuf_add_text(out, environment_id);
    strbuf_add_char(out, '/');
    strbuf_add_text(out, instance_arn);
}

const char *placement_state_name(enum placement_state state)
{
    return state_names[state];
}

/* A word this program does not know is read as the state which keeps the instance occupied. */
static enum placement_state state_parse(const char *name)
{
    for (size_t s = 0; s < ARRAY_LEN(state_names); s++) {
        if (streq(name, state_names[s])) {
            return (enum placement_state)s;
        }
    }
    return PLACEMENT_STARTING;
}

bool placement_failed(const struct placement *placement)
{
    return placement->reason[0] != '\0';
}

bool placement_owns(const struct placement *placement, const char *task_arn)
{
    size_t len = strlen(task_arn);

    for (const char *at = placement->tasks; len && *at;) {
        size_t one = strcspn(at, ",");

        if (one == len && memcmp(at, task_arn, len) == 0) {
            return true;
        }
        at += one + (at[one] == ',');
    }
    return false;
}

void placement_read(const char *const fields[FIELDS_MAX], struct placement *out)
{
    *out = (struct placement){
        .cluster = fields[PLACEMENT_CLUSTER],
        .environment = fields[PLACEMENT_ENVIRONMENT],
        .instance = fields[PLACEMENT_INSTANCE],
        .state = state_parse(fields[PLACEMENT_STATE]),
        .deployment = fields[PLACEMENT_DEPLOYMENT],
        .tasks = fields[PLACEMENT_TASKS],
        .lease = fields[PLACEMENT_LEASE],
        .reason = fields[PLACEMENT_REASON],
        .failures = strtoll(fields[PLACEMENT_FAILURES], NULL, 10),
        .retry_at_ms = strtoll(fields[PLACEMENT_RETRY_AT_MS], NULL, 10),
        .at_ms = strtoll(fields[PLACEMENT_AT_MS], NULL, 10),
    };
}

void placement_fields(const struct placement *placement, struct strbuf *out)
{
    fields_add(out, placement->cluster);
    fields_add(out, placement->environment);
    fields_add(out, placement->instance);
    fields_add(out, placement_state_name(placement->state));
    fields_add(out, placement->deployment);
    fields_add(out, placement->tasks);
    fields_add(out, placement->lease);
    fields_add(out, placement->reason);
    fields_add_int(out, placement->failures);
    fields_add_int(out, placement->retry_at_ms);
    fields_add_int(out, placement->at_ms);
}

/* The lease token stays out: it is nothing to show. */
void placement_body(const struct placement *placement, struct strbuf *out)
{
    json_auto_t *body = json_pack(
        "{ss ss ss ss ss ss ss sI sI sI}", "cluster", placement->cluster, "environment",
        placement->environment, "containerInstanceArn", placement->instance, "state",
        placement_state_name(placement->state), "deployment", placement->deployment, "tasks",
        placement->tasks, "reason", placement->reason, "failures", (json_int_t)placement->failures,
        "retryAtMs", (json_int_t)placement->retry_at_ms, "atMs", (json_int_t)placement->at_ms);
    AUTO_CHAR *text = json_dumps(body, JSON_COMPACT);

    strbuf_add_text(out, text);
}
