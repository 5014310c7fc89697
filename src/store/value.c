/* A stored value taken apart. */
#include "store/log.h"

/* The digits in front of `until`; gives what follows that character, or NULL. */
static const char *digits(const char *from, const char *end, char until, int64_t *number)
{
    const char *stop = memchr(from, until, (size_t)(end - from));

    *number = 0;
    if (!stop || stop == from) {
        return NULL;
    }
    for (const char *c = from; c < stop; c++) {
        if (*c < '0' || *c > '9' || *number > INT64_MAX / 10 - 1) {
            return NULL;
        }
        *number = *number * 10 + (*c - '0');
    }
    return stop + 1;
}

bool value_parse_head(const char *value, size_t len, struct stored_value *out)
{
    struct stored_value v = {0};
    const char *end = value + len;
    const char *at = digits(value, end, ' ', &v.revision);

    v.version = at;
    at = at ? memchr(at, ' ', (size_t)(end - at)) : NULL;
    if (!at) {
        return false;
    }
    v.version_len = (size_t)(at - v.version);
    v.commit_id = digits(at + 1, end, ' ', &v.at_ms);
    if (!v.commit_id || end - v.commit_id < COMMIT_ID_LEN ||
        v.commit_id[COMMIT_ID_LEN - 1] != '\n') {
        return false;
    }
    v.fields = v.commit_id + COMMIT_ID_LEN;
    at = memchr(v.fields, '\n', (size_t)(end - v.fields));
    if (!at || v.version_len == 0) {
        return false;
    }
    v.fields_len = (size_t)(at - v.fields);
    v.body = at + 1;
    v.body_len = (size_t)(end - v.body);
    *out = v;
    return true;
}

/* Readers are given it as it is: what is no object, or would break a stream's line, is not for
 * them. */
static bool is_whole(const char *body, size_t len)
{
    return len == 0 || (len >= 2 && body[0] == '{' && body[len - 1] == '}' &&
                        !memchr(body, '\n', len) && !memchr(body, '\0', len));
}

bool value_parse(const char *value, size_t len, struct stored_value *out)
{
    struct stored_value v;

    if (!value_parse_head(value, len, &v) || !is_whole(v.body, v.body_len)) {
        return false;
    }
    *out = v;
    return true;
}
