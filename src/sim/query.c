/* The query protocol of SQS: forms in, XML out.
 * Source: botocore's model of SQS, 2012-11-05, with its flattened lists and maps. */
#include "sim/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/path.h"
#include "util/attr.h"
#include "util/mem.h"

#define NAMESPACE   "http://queue.amazonaws.com/doc/2012-11-05/"
#define ENTRIES_MAX 100 /* indexes beyond are dropped; batches have at most 10 */

/* ---- forms ----------------------------------------------------------------------------------- */

static void decode(char *text)
{
    char *out = text;

    for (const char *in = text; *in; in++) {
        int byte = *in == '%' ? hex_byte(in + 1) : -1;

        if (*in == '+') {
            *out++ = ' ';
        } else if (byte >= 0) {
            *out++ = (char)byte;
            in += 2;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
}

static json_t *member(json_t *object, const char *key, json_t *(*make)(void))
{
    json_t *value = json_object_get(object, key);

    if (!value) {
        value = make();
        json_object_set_new(object, key, value);
    }
    return value;
}

/* Texts that are numbers in the JSON protocol. */
static json_t *typed(const char *key, const char *value)
{
    static const char *const numbers[] = {"MaxNumberOfMessages", "VisibilityTimeout",
                                          "WaitTimeSeconds", "DelaySeconds", "MaxResults"};
    char *end = NULL;
    long long number = strtoll(value, &end, 10);

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (streq(key, numbers[i]) && *value && *end == '\0') {
            return json_integer(number);
        }
    }
    return json_string(value);
}

/* "Attribute.1.Name=X&Attribute.1.Value=Y": the name waits in `names` for its value. */
static void add_map_part(json_t *input, json_t *names, const char *index, const char *part,
                         const char *value)
{
    json_t *map = member(input, "Attributes", json_object);

    if (streq(part, "Name")) {
        json_object_set_new(names, index, json_string(value));
        json_object_set_new(map, value, json_string(""));
    } else if (json_object_get(names, index)) {
        json_object_set_new(map, json_string_value(json_object_get(names, index)),
                            json_string(value));
    }
}

static void add_entry_part(json_t *input, const char *index, const char *part, const char *value)
{
    json_t *entries = member(input, "Entries", json_array);
    size_t n = strtoul(index, NULL, 10);

    if (n < 1 || n > ENTRIES_MAX) {
        return;
    }
    while (json_array_size(entries) < n) {
        json_array_append_new(entries, json_object());
    }
    json_object_set_new(json_array_get(entries, n - 1), part, typed(part, value));
}

static void add_pair(json_t *input, json_t *names, char *name, const char *value)
{
    char *index = strchr(name, '.');
    char *part = NULL;

    if (!index) {
        json_object_set_new(input, name, typed(name, value));
        return;
    }
    *index++ = '\0';
    part = strchr(index, '.');
    if (part) {
        *part++ = '\0';
    }
    if (streq(name, "AttributeName")) {
        json_array_append_new(member(input, "AttributeNames", json_array), json_string(value));
    } else if (streq(name, "Attribute") && part) {
        add_map_part(input, names, index, part, value);
    } else if (strstr(name, "BatchRequestEntry") && part) {
        add_entry_part(input, index, part, value);
    } else if (streq(name, "MessageAttribute")) { /* there are some: the operation refuses them */
        json_object_set_new(member(input, "MessageAttributes", json_object), index, json_true());
    }
}

json_t *query_parse(const char *form)
{
    AUTO_CHAR *copy = xstrdup(form);
    json_t *input = json_object();
    json_t *names = json_object();
    char *rest = NULL;

    for (char *pair = strtok_r(copy, "&", &rest); pair; pair = strtok_r(NULL, "&", &rest)) {
        char *value = strchr(pair, '=');

        if (value) {
            *value++ = '\0';
            decode(pair);
            decode(value);
            add_pair(input, names, pair, value);
        }
    }
    json_decref(names);
    return input;
}

/* ---- XML ------------------------------------------------------------------------------------- */

static void add_element(struct strbuf *out, const char *name, const char *text)
{
    strbuf_addf(out, "<%s>", name);
    strbuf_add_markup(out, text);
    strbuf_addf(out, "</%s>", name);
}

static void add_members(struct strbuf *out, const char *operation, json_t *object);

/* The name each element of a flattened list has. */
static void element_name(const char *operation, const char *key, char *out, size_t size)
{
    if (streq(key, "Successful")) {
        snprintf(out, size, "%sResultEntry", operation);
    } else if (streq(key, "Failed")) {
        snprintf(out, size, "BatchResultErrorEntry");
    } else {
        snprintf(out, size, "%.*s", (int)strlen(key) - 1, key); /* Messages, QueueUrls */
    }
}

static void add_list(struct strbuf *out, const char *operation, const char *key, json_t *list)
{
    char name[64];
    size_t i = 0;
    json_t *each = NULL;

    element_name(operation, key, name, sizeof(name));
    json_array_foreach(list, i, each)
    {
        if (json_is_object(each)) {
            strbuf_addf(out, "<%s>", name);
            add_members(out, operation, each);
            strbuf_addf(out, "</%s>", name);
        } else {
            add_element(out, name, json_string_value(each));
        }
    }
}

static void add_map(struct strbuf *out, json_t *map)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(map, key, value)
    {
        strbuf_add_text(out, "<Attribute>");
        add_element(out, "Name", key);
        add_element(out, "Value", json_string_value(value));
        strbuf_add_text(out, "</Attribute>");
    }
}

static void add_members(struct strbuf *out, const char *operation, json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(object, key, value)
    {
        if (json_is_array(value)) {
            add_list(out, operation, key, value);
        } else if (json_is_object(value)) {
            add_map(out, value);
        } else if (json_is_boolean(value)) {
            add_element(out, key, json_is_true(value) ? "true" : "false");
        } else {
            add_element(out, key, json_string_value(value));
        }
    }
}

void query_answer(const char *operation, json_t *output, const char *request_id, struct strbuf *out)
{
    strbuf_addf(out, "<?xml version=\"1.0\"?><%sResponse xmlns=\"" NAMESPACE "\"><%sResult>",
                operation, operation);
    add_members(out, operation, output);
    strbuf_addf(out,
                "</%sResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata>"
                "</%sResponse>",
                operation, request_id, operation);
}

void query_error(int status, const char *code, const char *text, const char *request_id,
                 struct strbuf *out)
{
    strbuf_addf(out,
                "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"" NAMESPACE "\"><Error>"
                "<Type>%s</Type>",
                status < 500 ? "Sender" : "Receiver");
    add_element(out, "Code", code);
    add_element(out, "Message", text);
    strbuf_addf(out, "<Detail/></Error><RequestId>%s</RequestId></ErrorResponse>", request_id);
}
