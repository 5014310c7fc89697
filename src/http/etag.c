/* If-None-Match. */
#include "http/etag.h"

#include <string.h>

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t");
}

/* The entity tag at p without its W/; *len with both quotes. NULL when there is none. */
static const char *read_tag(const char *p, size_t *len)
{
    if (p[0] == 'W' && p[1] == '/') {
        p += 2;
    }
    const char *end = *p == '"' ? strchr(p + 1, '"') : NULL;

    if (!end) {
        return NULL;
    }
    *len = (size_t)(end - p) + 1;
    return p;
}

bool etag_is_named(const char *if_none_match, const char *etag)
{
    const char *p = skip_space(if_none_match);

    if (*p == '*') {
        return *skip_space(p + 1) == '\0';
    }
    while (*p) {
        size_t len = 0;
        const char *tag = read_tag(p, &len);

        if (!tag) {
            return false;
        }
        if (len == strlen(etag) && memcmp(tag, etag, len) == 0) {
            return true;
        }
        p = skip_space(tag + len);
        if (*p && *p != ',') {
            return false;
        }
        while (*p == ',') {
            p = skip_space(p + 1);
        }
    }
    return false;
}
