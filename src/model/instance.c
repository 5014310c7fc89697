/* A container instance: the field line of its record, and the record of a described one. */
#include "model/instance.h"

#include "model/raw.h"
#include "model/record.h"
#include "util/clock.h"

static const char *text_of(const json_t *raw, const char *name)
{
    const char *text = json_string_value(json_object_get(raw, name));

    return text ? text : "";
}

/* Names have no "=", and neither names nor values a newline: what has is no attribute of ECS'. */
static void add_attributes(struct strbuf *line, const json_t *attributes)
{
    AUTO_STRBUF lines = {0};
    const json_t *attribute;
    size_t i;

    strbuf_add_text(&lines, "");
    json_array_foreach(attributes, i, attribute)
    {
        const char *name = text_of(attribute, "name");
        const char *value = json_string_value(json_object_get(attribute, "value"));

        if (!*name || strpbrk(name, "=\n") || (value && strchr(value, '\n'))) {
            continue;
        }
        strbuf_addf(&lines, "%s%s%s%s", lines.len > 0 ? "\n" : "", name, value ? "=" : "",
                    value ? value : "");
    }
    fields_add(line, lines.text);
}

void instance_fields(const json_t *raw, struct strbuf *line)
{
    int64_t registered_at_ms;

    fields_add(line, text_of(raw, "clusterArn"));
    fields_add(line, text_of(raw, "status"));
    fields_add(line, json_is_true(json_object_get(raw, "agentConnected")) ? "1" : "0");
    fields_add(line, text_of(raw, "ec2InstanceId"));
    if (clock_parse_iso(text_of(raw, "registeredAt"), &registered_at_ms)) {
        fields_add_int(line, registered_at_ms);
    } else {
        fields_add(line, "");
    }
    fields_add(line, text_of(json_object_get(raw, "versionInfo"), "agentVersion"));
    add_attributes(line, json_object_get(raw, "attributes"));
}

int instance_record(const json_t *described, const char *cluster_arn, struct record *out,
                    struct error *err)
{
    json_t *raw = json_deep_copy(described);

    raw_normalize(raw);
    json_object_set_new(raw, "clusterArn", json_string(cluster_arn)); /* Describe does not say */
    return record_from_raw(KIND_INSTANCE, raw, out, err);
}
