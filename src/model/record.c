/* A task or container instance the way the store wants it. */
#include "model/record.h"

#include <stdlib.h>

#include "model/arn.h"
#include "model/instance.h"
#include "model/render.h"
#include "model/task.h"
#include "util/js.h"
#include "util/mem.h"

static const struct {
    const char *arn_member;
    enum arn_kind arn_kind;
    int (*render)(const json_t *raw, struct strbuf *out, struct error *err);
    void (*fields)(const json_t *raw, struct strbuf *line);
} makers[] = {
    [KIND_TASK] = {"taskArn", ARN_TASK, render_task, task_fields},
    [KIND_INSTANCE] = {"containerInstanceArn", ARN_INSTANCE, render_instance, instance_fields},
};

void record_clear(struct record *record)
{
    free(record->key);
    free(record->version);
    free(record->fields);
    free(record->body);
    free(record->raw);
    *record = (struct record){0};
}

/* The ARNs are keys and groups: they must be what they claim, and fit each other. */
static int check_arns(enum kind kind, const json_t *raw, const char **key, struct error *err)
{
    const char *member = makers[kind].arn_member;
    const char *cluster_arn = "";
    struct arn arn;

    *key = "";
    if (js_get_string(raw, "clusterArn", &cluster_arn, err) < 0 ||
        js_get_string(raw, member, key, err) < 0) {
        return -1;
    }
    if (!arn_parse(cluster_arn, ARN_CLUSTER, NULL)) {
        return error_set(err, ERR_INVALID, "clusterArn: want the ARN of a cluster");
    }
    if (!arn_parse(*key, makers[kind].arn_kind, &arn)) {
        return error_set(err, ERR_INVALID, "%s: want the ARN of a %s", member,
                         kind == KIND_TASK ? "task" : "container instance");
    }
    if (arn.cluster && !arn_is_of_cluster(*key, makers[kind].arn_kind, cluster_arn)) {
        return error_set(err, ERR_INVALID, "%s: is of another cluster than clusterArn", member);
    }
    return 0;
}

int record_from_raw(enum kind kind, json_t *raw, struct record *out, struct error *err)
{
    json_auto_t *owned = raw;
    AUTO_STRBUF version = {0}, fields = {0}, body = {0}, text = {0};
    int64_t number = 0; /* ECS always says it; v0.3.0 read none as 0 */
    const char *key;

    if (!json_is_object(owned)) {
        return error_set(err, ERR_INVALID, "want an object");
    }
    if (check_arns(kind, owned, &key, err) < 0 || js_get_int(owned, "version", &number, err) < 0 ||
        makers[kind].render(owned, &body, err) < 0) {
        return -1;
    }
    if (number < 0) {
        return error_set(err, ERR_INVALID, "version: want no negative number");
    }
    strbuf_add_int(&version, number);
    makers[kind].fields(owned, &fields);
    js_write_canonical(&text, owned);
    if (strlen(key) + fields.len + body.len + text.len > RECORD_BYTES_MAX) {
        return error_set(err, ERR_INVALID, "%.200s: larger than %d bytes", key, RECORD_BYTES_MAX);
    }
    *out = (struct record){
        .kind = kind,
        .key = xstrdup(key),
        .version = strbuf_take(&version),
        .fields = strbuf_take(&fields),
        .body = strbuf_take(&body),
        .raw = strbuf_take(&text),
    };
    return 0;
}
