/* A task: the field line of its record, and the record of a described task. */
#include "model/task.h"

#include "model/raw.h"
#include "model/record.h"
#include "util/clock.h"

static const char *text_of(const json_t *raw, const char *name)
{
    const char *text = json_string_value(json_object_get(raw, name));

    return text ? text : "";
}

/* Instants are fields in milliseconds; one that is absent, or no instant, is "". */
static void add_instant(struct strbuf *line, const json_t *raw, const char *name)
{
    int64_t at_ms;

    if (clock_parse_iso(text_of(raw, name), &at_ms)) {
        fields_add_int(line, at_ms);
    } else {
        fields_add(line, "");
    }
}

/* "EssentialContainerExited: Essential container in task exited" */
static void add_stopped_reason(struct strbuf *line, const json_t *raw)
{
    const char *code = text_of(raw, "stopCode");
    const char *reason = text_of(raw, "stoppedReason");
    AUTO_STRBUF both = {0};

    strbuf_addf(&both, "%s%s%s", code, *code && *reason ? ": " : "", reason);
    fields_add(line, both.text);
}

void task_fields(const json_t *raw, struct strbuf *line)
{
    fields_add(line, text_of(raw, "clusterArn"));
    fields_add(line, text_of(raw, "containerInstanceArn"));
    fields_add(line, text_of(raw, "taskDefinitionArn"));
    fields_add(line, text_of(raw, "lastStatus"));
    fields_add(line, text_of(raw, "desiredStatus"));
    fields_add(line, text_of(raw, "startedBy"));
    fields_add(line, text_of(raw, "group"));
    fields_add(line, text_of(raw, "healthStatus"));
    add_instant(line, raw, "createdAt");
    add_instant(line, raw, "startedAt");
    add_instant(line, raw, "stoppedAt");
    add_stopped_reason(line, raw);
    fields_add(line, text_of(raw, "launchType"));
}

int task_record(const json_t *described, const char *cluster_arn, struct record *out,
                struct error *err)
{
    json_t *raw = json_deep_copy(described);

    raw_normalize(raw);
    if (!json_object_get(raw, "clusterArn")) {
        json_object_set_new(raw, "clusterArn", json_string(cluster_arn));
    }
    return record_from_raw(KIND_TASK, raw, out, err);
}
