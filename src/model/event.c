/* ECS' state change events as EventBridge puts them into a queue. */
#include "model/event.h"

#include <stdlib.h>

#include "model/arn.h"
#include "model/raw.h"
#include "util/clock.h"
#include "util/js.h"
#include "util/mem.h"

#define ACCOUNT_LEN 12 /* digits, says arn_parse */

/* Members of the envelope: most are not used, but a wrong type fails the event as ever. */
static int check_envelope(const json_t *envelope, struct error *err)
{
    static const char *const texts[] = {"id", "account", "region"};
    const char *text = NULL;
    json_t *resources = NULL;
    json_t *resource;
    size_t i;

    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        if (js_get_string(envelope, texts[t], &text, err) < 0) {
            return -1;
        }
    }
    if (js_get_array(envelope, "resources", &resources, err) < 0) {
        return -1;
    }
    json_array_foreach(resources, i, resource)
    {
        if (!json_is_string(resource) && !json_is_null(resource)) {
            return error_set(err, ERR_INVALID, "resources[%zu]: want a string", i);
        }
    }
    return 0;
}

static int kind_of(const json_t *envelope, enum kind *kind, struct error *err)
{
    const char *type = "";

    if (js_get_string(envelope, "detail-type", &type, err) < 0) {
        return -1;
    }
    if (streq(type, "ECS Task State Change")) {
        *kind = KIND_TASK;
    } else if (streq(type, "ECS Container Instance State Change")) {
        *kind = KIND_INSTANCE;
    } else {
        return error_set(err, ERR_INVALID, "detail-type: unrecognized \"%.80s\"", type);
    }
    return 0;
}

/* Borrows a member of the detail which must be an ARN of the kind. */
static int get_arn(const json_t *detail, const char *name, enum arn_kind kind, const char **out,
                   struct error *err)
{
    const char *text = NULL;

    if (js_get_string(detail, name, &text, err) < 0) {
        return -1;
    }
    if (!text || !arn_parse(text, kind, NULL)) {
        return error_set(err, ERR_INVALID, "%s: %s", name,
                         text ? "not an ARN of that kind" : "is missing");
    }
    *out = text;
    return 0;
}

/* Whom it is about. Task events name an instance too: under the instances' detail-type they would
 * overwrite it, and v0.3.0 let them. */
static int identify(struct event *event, struct error *err)
{
    const json_t *detail = event->detail;

    if (get_arn(detail, "clusterArn", ARN_CLUSTER, &event->cluster, err) < 0 ||
        js_get_int(detail, "version", &event->version, err) < 0) {
        return -1;
    }
    if (event->kind == KIND_TASK) {
        return get_arn(detail, "taskArn", ARN_TASK, &event->key, err);
    }
    if (js_get(detail, "taskArn")) {
        return error_set(err, ERR_INVALID, "detail-type: of an instance, but it names a task");
    }
    return get_arn(detail, "containerInstanceArn", ARN_INSTANCE, &event->key, err);
}

static bool is_part(const char *part, size_t len, const char *want)
{
    return strlen(want) == len && memcmp(part, want, len) == 0;
}

int event_check_home(const struct event *event, const struct event_home *home, struct error *err)
{
    struct arn arn = {0};

    if (!arn_parse(event->cluster, ARN_CLUSTER, &arn)) {
        return error_set(err, ERR_INVALID, "clusterArn: not an ARN of that kind");
    }
    if (home->region && !is_part(arn.region, arn.region_len, home->region)) {
        return error_set(err, ERR_INVALID, "clusterArn: in another region than %.40s",
                         home->region);
    }
    if (home->account && !is_part(arn.account, ACCOUNT_LEN, home->account)) {
        return error_set(err, ERR_INVALID, "clusterArn: of another account than %.40s",
                         home->account);
    }
    return 0;
}

/* Whether the envelope is ECS', and says of the account and region what the cluster's ARN does. */
static int check_origin(const struct event *event, const json_t *envelope, struct error *err)
{
    const char *source = NULL;
    struct event_home sender = {0};

    if (js_get_string(envelope, "source", &source, err) < 0 ||
        js_get_string(envelope, "region", &sender.region, err) < 0 ||
        js_get_string(envelope, "account", &sender.account, err) < 0) {
        return -1;
    }
    if (source && !streq(source, "aws.ecs")) {
        return error_set(err, ERR_INVALID, "source: \"%.80s\" is not aws.ecs", source);
    }
    return event_check_home(event, &sender, err);
}

struct event *event_parse(const char *body, size_t len, enum event_flaw *flaw, struct error *err)
{
    json_auto_t *envelope = js_parse(body, len, err);
    AUTO(event) *event = xcalloc(1, sizeof(*event));
    const char *time = "";
    json_t *detail = NULL;

    *flaw = EVENT_NOT_JSON;
    if (!envelope) {
        return NULL;
    }
    *flaw = EVENT_UNRECOGNIZED;
    if (!json_is_object(envelope)) {
        error_set(err, ERR_INVALID, "want an object");
        return NULL;
    }
    if (kind_of(envelope, &event->kind, err) < 0) {
        return NULL;
    }
    *flaw = EVENT_MALFORMED;
    if (check_envelope(envelope, err) < 0 || js_get_string(envelope, "time", &time, err) < 0 ||
        js_get_object(envelope, "detail", &detail, err) < 0) {
        return NULL;
    }
    if (!detail) {
        error_set(err, ERR_INVALID, "detail is missing");
        return NULL;
    }
    if (!clock_parse_iso(time, &event->time_ms)) {
        event->time_ms = 0;
    }
    event->detail = json_incref(detail);
    raw_normalize(event->detail);
    if (identify(event, err) < 0) {
        return NULL;
    }
    *flaw = EVENT_FOREIGN;
    return check_origin(event, envelope, err) < 0 ? NULL : TAKE(event);
}

void event_free(struct event *event)
{
    if (event) {
        json_decref(event->detail);
        free(event);
    }
}

int event_record(const struct event *event, const char *stored_raw, struct record *out,
                 struct error *err)
{
    json_t *raw = stored_raw ? js_parse(stored_raw, strlen(stored_raw), NULL) : NULL;

    if (!json_is_object(raw)) { /* nothing, or nothing usable: the event alone must do */
        json_decref(raw);
        return record_from_raw(event->kind, json_incref(event->detail), out, err);
    }
    raw_merge(raw, event->detail);
    return record_from_raw(event->kind, raw, out, err);
}
