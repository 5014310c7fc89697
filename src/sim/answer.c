/* Reading an operation's input, and refusing it in AWS' words. */
#include "sim/answer.h"

#include <stdarg.h>
#include <stdio.h>

int refuse(struct call *call, const char *code, const char *fmt, ...)
{
    va_list args;

    call->refusal.status = 400;
    call->refusal.code = code;
    va_start(args, fmt);
    vsnprintf(call->refusal.text, sizeof(call->refusal.text), fmt, args);
    va_end(args);
    return -1;
}

int refuse_as(struct call *call, int status, const char *code, const char *fmt, ...)
{
    va_list args;

    call->refusal.status = status;
    call->refusal.code = code;
    va_start(args, fmt);
    vsnprintf(call->refusal.text, sizeof(call->refusal.text), fmt, args);
    va_end(args);
    return -1;
}

static int refuse_type(struct call *call, const char *key, const char *type)
{
    return refuse(call, "SerializationException", "%s can not be converted to %s", key, type);
}

/* Absent and null are the same to AWS. */
static const json_t *lookup(const struct call *call, const char *key)
{
    const json_t *value = json_object_get(call->input, key);

    return json_is_null(value) ? NULL : value;
}

int input_text(struct call *call, const char *key, const char **out)
{
    const json_t *value = lookup(call, key);

    if (value && !json_is_string(value)) {
        return refuse_type(call, key, "a String");
    }
    *out = json_string_value(value);
    return 0;
}

int input_need_text(struct call *call, const char *key, const char **out)
{
    if (input_text(call, key, out) < 0) {
        return -1;
    }
    return *out && **out ? 0
                         : refuse(call, "InvalidParameterException", "%s cannot be empty.", key);
}

int input_int(struct call *call, const char *key, int64_t fallback, int64_t *out)
{
    const json_t *value = lookup(call, key);

    if (value && !json_is_integer(value)) {
        return refuse_type(call, key, "an Integer");
    }
    *out = value ? json_integer_value(value) : fallback;
    return 0;
}

int input_bool(struct call *call, const char *key, bool fallback, bool *out)
{
    const json_t *value = lookup(call, key);

    if (value && !json_is_boolean(value)) {
        return refuse_type(call, key, "a Boolean");
    }
    *out = value ? json_is_true(value) : fallback;
    return 0;
}

static int input_array(struct call *call, const char *key, json_type element, size_t min,
                       size_t max, const json_t **out)
{
    const json_t *value = lookup(call, key);
    size_t i = 0;
    const json_t *each = NULL;

    if (value && !json_is_array(value)) {
        return refuse_type(call, key, "a List");
    }
    json_array_foreach(value, i, each)
    {
        if (json_typeof(each) != element) {
            return refuse_type(call, key, element == JSON_STRING ? "Strings" : "Structures");
        }
    }
    if (json_array_size(value) < min) {
        return refuse(call, "InvalidParameterException", "%s cannot be empty.", key);
    }
    if (json_array_size(value) > max) {
        return refuse(call, "InvalidParameterException", "%s can have at most %zu items.", key,
                      max);
    }
    *out = value;
    return 0;
}

int input_texts(struct call *call, const char *key, size_t min, size_t max, const json_t **out)
{
    return input_array(call, key, JSON_STRING, min, max, out);
}

int input_objects(struct call *call, const char *key, size_t min, size_t max, const json_t **out)
{
    return input_array(call, key, JSON_OBJECT, min, max, out);
}
