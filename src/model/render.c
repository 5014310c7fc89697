/* The v1 `entity` objects: one canonical raw form in, v0.3.0's bytes out. */
#include "model/render.h"

#include "util/js.h"

/* What becomes of a member which is absent. */
enum presence {
    REQUIRED,      /* the entity is refused */
    OMITTED_EMPTY, /* left out, also when it is empty or zero */
    NULLABLE,      /* null */
};

typedef int write_fn(const json_t *value, struct strbuf *out, struct error *err);

static int missing(const char *name, struct error *err)
{
    return error_set(err, ERR_INVALID, "%s is missing", name);
}

static int put_string(struct strbuf *out, const char *key, const json_t *obj, const char *name,
                      enum presence presence, struct error *err)
{
    const json_t *value = js_get(obj, name);

    if (value && !json_is_string(value)) {
        return error_set(err, ERR_INVALID, "%s: want a string", name);
    }
    if (!value && presence == REQUIRED) {
        return missing(name, err);
    }
    if (presence == OMITTED_EMPTY && json_string_length(value) == 0) {
        return 0;
    }
    js_write_key(out, key);
    if (value) {
        js_write_bytes(out, json_string_value(value), json_string_length(value));
    } else {
        js_write_string(out, NULL);
    }
    return 0;
}

static int put_int(struct strbuf *out, const char *key, const json_t *obj, const char *name,
                   enum presence presence, struct error *err)
{
    const json_t *value = js_get(obj, name);

    if (value && !json_is_integer(value)) {
        return error_set(err, ERR_INVALID, "%s: want an integer", name);
    }
    if (presence == OMITTED_EMPTY && json_integer_value(value) == 0) {
        return 0;
    }
    js_write_key(out, key);
    if (value) {
        strbuf_add_int(out, json_integer_value(value));
    } else {
        js_write_string(out, NULL);
    }
    return 0;
}

/* An array, each element by `write`; `absent` is what stands for no array, NULL refuses it. */
static int put_array(struct strbuf *out, const char *key, const json_t *obj, const char *name,
                     write_fn *write, const char *absent, struct error *err)
{
    json_t *array = NULL;
    json_t *element;
    size_t i;

    if (js_get_array(obj, name, &array, err) < 0) {
        return -1;
    }
    if (!array && !absent) {
        return missing(name, err);
    }
    js_write_key(out, key);
    if (!array) {
        strbuf_add_text(out, absent);
        return 0;
    }
    strbuf_add_char(out, '[');
    json_array_foreach(array, i, element)
    {
        js_write_comma(out);
        if (write(element, out, err) < 0) {
            return error_prefix(err, "%s[%zu]", name, i);
        }
    }
    strbuf_add_char(out, ']');
    return 0;
}

/* An object which must be there, its members by `write`. */
static int put_object(struct strbuf *out, const char *key, const json_t *obj, const char *name,
                      write_fn *write, struct error *err)
{
    json_t *value = NULL;

    if (js_get_object(obj, name, &value, err) < 0) {
        return -1;
    }
    if (!value) {
        return missing(name, err);
    }
    js_write_key(out, key);
    return write(value, out, err) < 0 ? error_prefix(err, "%s", name) : 0;
}

static int want_object(const json_t *value, struct strbuf *out, struct error *err)
{
    if (!json_is_object(value)) {
        return error_set(err, ERR_INVALID, "want an object");
    }
    strbuf_add_char(out, '{');
    return 0;
}

static int end_object(struct strbuf *out)
{
    strbuf_add_char(out, '}');
    return 0;
}

static int write_text(const json_t *value, struct strbuf *out, struct error *err)
{
    if (!json_is_string(value)) {
        return error_set(err, ERR_INVALID, "want a string");
    }
    js_write_bytes(out, json_string_value(value), json_string_length(value));
    return 0;
}

/* Of an attribute, or of a variable in an environment. */
static int write_name_value(const json_t *pair, struct strbuf *out, struct error *err)
{
    if (want_object(pair, out, err) < 0 ||
        put_string(out, "name", pair, "name", NULLABLE, err) < 0 ||
        put_string(out, "value", pair, "value", NULLABLE, err) < 0) {
        return -1;
    }
    return end_object(out);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static int write_network_binding(const json_t *binding, struct strbuf *out, struct error *err)
{
    if (want_object(binding, out, err) < 0 ||
        put_string(out, "bindIP", binding, "bindIP", NULLABLE, err) < 0 ||
        put_int(out, "containerPort", binding, "containerPort", NULLABLE, err) < 0 ||
        put_int(out, "hostPort", binding, "hostPort", NULLABLE, err) < 0 ||
        put_string(out, "protocol", binding, "protocol", OMITTED_EMPTY, err) < 0) {
        return -1;
    }
    return end_object(out);
}

static int write_container(const json_t *container, struct strbuf *out, struct error *err)
{
    if (want_object(container, out, err) < 0 ||
        put_string(out, "containerARN", container, "containerArn", NULLABLE, err) < 0 ||
        put_int(out, "exitCode", container, "exitCode", OMITTED_EMPTY, err) < 0 ||
        put_string(out, "lastStatus", container, "lastStatus", NULLABLE, err) < 0 ||
        put_string(out, "name", container, "name", NULLABLE, err) < 0 ||
        put_array(out, "networkBindings", container, "networkBindings", write_network_binding,
                  "null", err) < 0 ||
        put_string(out, "reason", container, "reason", OMITTED_EMPTY, err) < 0) {
        return -1;
    }
    return end_object(out);
}

static int write_container_override(const json_t *override, struct strbuf *out, struct error *err)
{
    if (want_object(override, out, err) < 0 ||
        put_array(out, "command", override, "command", write_text, "null", err) < 0 ||
        put_array(out, "environment", override, "environment", write_name_value, "null", err) < 0 ||
        put_string(out, "name", override, "name", NULLABLE, err) < 0) {
        return -1;
    }
    return end_object(out);
}

static int write_overrides(const json_t *overrides, struct strbuf *out, struct error *err)
{
    if (want_object(overrides, out, err) < 0 ||
        put_array(out, "containerOverrides", overrides, "containerOverrides",
                  write_container_override, "[]", err) < 0 ||
        put_string(out, "taskRoleArn", overrides, "taskRoleArn", OMITTED_EMPTY, err) < 0) {
        return -1;
    }
    return end_object(out);
}

int render_task(const json_t *raw, struct strbuf *out, struct error *err)
{
    if (want_object(raw, out, err) < 0 ||
        put_string(out, "clusterARN", raw, "clusterArn", REQUIRED, err) < 0 ||
        put_string(out, "containerInstanceARN", raw, "containerInstanceArn", OMITTED_EMPTY, err) <
            0 ||
        put_array(out, "containers", raw, "containers", write_container, NULL, err) < 0 ||
        put_string(out, "createdAt", raw, "createdAt", REQUIRED, err) < 0 ||
        put_string(out, "desiredStatus", raw, "desiredStatus", REQUIRED, err) < 0 ||
        put_string(out, "lastStatus", raw, "lastStatus", REQUIRED, err) < 0 ||
        put_object(out, "overrides", raw, "overrides", write_overrides, err) < 0 ||
        put_string(out, "startedAt", raw, "startedAt", OMITTED_EMPTY, err) < 0 ||
        put_string(out, "startedBy", raw, "startedBy", OMITTED_EMPTY, err) < 0 ||
        put_string(out, "stoppedAt", raw, "stoppedAt", OMITTED_EMPTY, err) < 0 ||
        put_string(out, "stoppedReason", raw, "stoppedReason", OMITTED_EMPTY, err) < 0 ||
        put_string(out, "taskARN", raw, "taskArn", REQUIRED, err) < 0 ||
        put_string(out, "taskDefinitionARN", raw, "taskDefinitionArn", REQUIRED, err) < 0) {
        return -1;
    }
    return end_object(out);
}

/* ---- container instances --------------------------------------------------------------------- */

static int write_string_set(struct strbuf *out, const json_t *set, struct error *err)
{
    AUTO_STRBUF joined = {0};
    json_t *element;
    size_t i;

    json_array_foreach(set, i, element)
    {
        if (!json_is_string(element) && !json_is_null(element)) {
            return error_set(err, ERR_INVALID, "stringSetValue[%zu]: want a string", i);
        }
        if (i > 0) {
            strbuf_add_char(&joined, ',');
        }
        strbuf_add(&joined, json_is_string(element) ? json_string_value(element) : "",
                   json_string_length(element));
    }
    js_write_bytes(out, joined.text ? joined.text : "", joined.len);
    return 0;
}

/* A resource's value is a string whatever its type; "" when the type's own value is absent. */
static int write_resource_value(struct strbuf *out, const json_t *resource, struct error *err)
{
    const char *type = "";
    int64_t whole = 0;

    if (js_get_string(resource, "type", &type, err) < 0) {
        return -1;
    }
    bool is_integer = streq(type, "INTEGER");
    const json_t *value = js_get(resource, is_integer                 ? "integerValue"
                                           : streq(type, "LONG")      ? "longValue"
                                           : streq(type, "DOUBLE")    ? "doubleValue"
                                           : streq(type, "STRINGSET") ? "stringSetValue"
                                                                      : "");
    if (!value) {
        js_write_string(out, "");
    } else if (streq(type, "STRINGSET")) {
        if (!json_is_array(value)) {
            return error_set(err, ERR_INVALID, "stringSetValue: want an array");
        }
        return write_string_set(out, value, err);
    } else if (streq(type, "DOUBLE")) {
        if (!json_is_number(value)) {
            return error_set(err, ERR_INVALID, "doubleValue: want a number");
        }
        strbuf_addf(out, "\"%.2f\"", json_number_value(value));
    } else {
        if (js_get_int(resource, is_integer ? "integerValue" : "longValue", &whole, err) < 0) {
            return -1;
        }
        strbuf_addf(out, "\"%lld\"", (long long)whole);
    }
    return 0;
}

static int write_resource(const json_t *resource, struct strbuf *out, struct error *err)
{
    if (want_object(resource, out, err) < 0 ||
        put_string(out, "name", resource, "name", NULLABLE, err) < 0 ||
        put_string(out, "type", resource, "type", NULLABLE, err) < 0) {
        return -1;
    }
    js_write_key(out, "value");
    return write_resource_value(out, resource, err) < 0 ? -1 : end_object(out);
}

static int write_version_info(const json_t *info, struct strbuf *out, struct error *err)
{
    if (want_object(info, out, err) < 0 ||
        put_string(out, "agentHash", info, "agentHash", OMITTED_EMPTY, err) < 0 ||
        put_string(out, "agentVersion", info, "agentVersion", OMITTED_EMPTY, err) < 0 ||
        put_string(out, "dockerVersion", info, "dockerVersion", OMITTED_EMPTY, err) < 0) {
        return -1;
    }
    return end_object(out);
}

static int put_agent_connected(struct strbuf *out, const json_t *raw, struct error *err)
{
    bool connected = false;

    if (!js_get(raw, "agentConnected")) {
        return missing("agentConnected", err);
    }
    if (js_get_bool(raw, "agentConnected", &connected, err) < 0) {
        return -1;
    }
    js_write_key(out, "agentConnected");
    strbuf_add_text(out, connected ? "true" : "false");
    return 0;
}

int render_instance(const json_t *raw, struct strbuf *out, struct error *err)
{
    if (want_object(raw, out, err) < 0 ||
        put_string(out, "EC2InstanceID", raw, "ec2InstanceId", OMITTED_EMPTY, err) < 0 ||
        put_agent_connected(out, raw, err) < 0 ||
        put_string(out, "agentUpdateStatus", raw, "agentUpdateStatus", OMITTED_EMPTY, err) < 0 ||
        put_array(out, "attributes", raw, "attributes", write_name_value, "null", err) < 0 ||
        put_string(out, "clusterARN", raw, "clusterArn", REQUIRED, err) < 0 ||
        put_string(out, "containerInstanceARN", raw, "containerInstanceArn", REQUIRED, err) < 0 ||
        put_array(out, "registeredResources", raw, "registeredResources", write_resource, NULL,
                  err) < 0 ||
        put_array(out, "remainingResources", raw, "remainingResources", write_resource, NULL, err) <
            0 ||
        put_string(out, "status", raw, "status", REQUIRED, err) < 0 ||
        put_object(out, "versionInfo", raw, "versionInfo", write_version_info, err) < 0) {
        return -1;
    }
    return end_object(out);
}
