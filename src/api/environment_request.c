/* Validation, every failure listed, in the order of v0.3.0's generated validators. */
#include "api/environment_request.h"

#include "model/environment.h"
#include "util/js.h"

/* A text with a NUL in it is none that any name or ARN could be. */
static bool is_text(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static void complain(struct strbuf *complaint, const char *line)
{
    strbuf_add_text(complaint, complaint->len == 0 ? "validation failure list:\n" : "\n");
    strbuf_add_text(complaint, line);
}

/* v0.3.0 took a wrong type for an empty value; here it is one more failure. */
static void read_group(const json_t *group, struct environment_request *out,
                       struct strbuf *complaint)
{
    const json_t *cluster = NULL;

    if (!group) {
        complain(complaint, "instanceGroup in body is required");
        return;
    }
    if (!json_is_object(group)) {
        complain(complaint, "instanceGroup in body must be of type object");
        return;
    }
    cluster = js_get(group, "cluster");
    if (cluster && !is_text(cluster)) {
        complain(complaint, "instanceGroup.cluster in body must be of type string");
        return;
    }
    out->cluster = cluster ? json_string_value(cluster) : "";
}

static void read_name(const json_t *name, struct environment_request *out, struct strbuf *complaint)
{
    if (!name) {
        complain(complaint, "name in body is required");
        return;
    }
    if (!is_text(name)) {
        complain(complaint, "name in body must be of type string");
        return;
    }
    out->name = json_string_value(name);
    if (!environment_name_is_valid(out->name)) {
        complain(complaint, "name in body should match '^[a-zA-Z0-9-_]{1,30}$'");
    }
}

static void read_task_definition(const json_t *definition, struct environment_request *out,
                                 struct strbuf *complaint)
{
    if (!definition) {
        complain(complaint, "taskDefinition in body is required");
    } else if (!is_text(definition)) {
        complain(complaint, "taskDefinition in body must be of type string");
    } else {
        out->task_definition = json_string_value(definition);
    }
}

bool environment_request_parse(const char *body, size_t len, struct environment_request *out,
                               struct strbuf *complaint)
{
    struct environment_request request = {.json = js_parse(body, len, NULL)};

    /* What is no object has none of the keys. */
    read_group(js_get(request.json, "instanceGroup"), &request, complaint);
    read_name(js_get(request.json, "name"), &request, complaint);
    read_task_definition(js_get(request.json, "taskDefinition"), &request, complaint);
    if (complaint->len > 0) {
        environment_request_clear(&request);
        return false;
    }
    *out = request;
    return true;
}

void environment_request_clear(struct environment_request *request)
{
    json_decref(request->json);
    *request = (struct environment_request){0};
}
