/* The parameters of a query. */
#include "http/query.h"

#include <stdlib.h>

#include "http/path.h"
#include "util/mem.h"

enum decoded { DECODED, BROKEN, HAS_NUL };

static enum decoded decode(const char *from, size_t len, char **out)
{
    AUTO_CHAR *text = xmemdup0(from, len);
    char *to = text;

    for (const char *c = text; *c; c++) {
        int byte = *c == '+' ? ' ' : (unsigned char)*c;

        if (*c == '%') {
            byte = hex_byte(c + 1);
            if (byte <= 0) {
                return byte < 0 ? BROKEN : HAS_NUL;
            }
            c += 2;
        }
        *to++ = (char)byte;
    }
    *to = '\0';
    *out = TAKE(text);
    return DECODED;
}

static enum decoded add_pair(struct query *query, const char *pair, size_t len)
{
    const char *equals = memchr(pair, '=', len);
    size_t name_len = equals ? (size_t)(equals - pair) : len;
    AUTO_CHAR *name = NULL;
    AUTO_CHAR *value = NULL;
    enum decoded rc = decode(pair, name_len, &name);

    if (rc == DECODED) {
        rc = equals ? decode(equals + 1, len - name_len - 1, &value) : decode("", 0, &value);
    }
    if (rc != DECODED) {
        return rc;
    }
    query->pairs = xreallocarray(query->pairs, query->n + 1, sizeof(*query->pairs));
    query->pairs[query->n++] = (struct query_pair){TAKE(name), TAKE(value)};
    return DECODED;
}

bool query_parse(const char *text, struct query *out)
{
    *out = (struct query){0};
    for (const char *pair = text; *pair;) {
        size_t len = strcspn(pair, "&");

        if (len > 0 && !memchr(pair, ';', len) && add_pair(out, pair, len) == HAS_NUL) {
            query_clear(out);
            return false;
        }
        pair += len;
        pair += *pair == '&';
    }
    return true;
}

void query_clear(struct query *query)
{
    for (size_t i = 0; i < query->n; i++) {
        free(query->pairs[i].name);
        free(query->pairs[i].value);
    }
    free(query->pairs);
    *query = (struct query){0};
}

const char *query_first(const struct query *query, const char *name)
{
    for (size_t i = 0; i < query->n; i++) {
        if (streq(query->pairs[i].name, name)) {
            return query->pairs[i].value;
        }
    }
    return NULL;
}

const char *query_filter(const struct query *query, const char *name)
{
    const char *value = query_first(query, name);

    return value && *value ? value : NULL;
}

static bool is_among(const char *name, const char *const names[])
{
    for (; *names; names++) {
        if (streq(name, *names)) {
            return true;
        }
    }
    return false;
}

bool query_has_only(const struct query *query, const char *const names[])
{
    for (size_t i = 0; i < query->n; i++) {
        if (!is_among(query->pairs[i].name, names)) {
            return false;
        }
    }
    return true;
}

bool query_repeats(const struct query *query)
{
    for (size_t i = 0; i < query->n; i++) {
        if (query_first(query, query->pairs[i].name) != query->pairs[i].value) {
            return true;
        }
    }
    return false;
}
