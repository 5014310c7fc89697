/* Setting and prefixing struct error; texts are cut at a whole UTF-8 character. */
#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>

/* Drops the broken character which a cut may have left at the end of a full buffer. */
static void drop_broken_tail(char *text, size_t size)
{
    size_t len = strlen(text);
    size_t start = len;

    if (len + 1 < size) {
        return;
    }
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80) {
        start--;
    }
    if (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0xC0) {
        text[start - 1] = '\0';
    }
}

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
    va_list args;

    if (!err || err->code != ERR_NONE) {
        return -1;
    }
    err->code = code;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    drop_broken_tail(err->text, sizeof(err->text));
    return -1;
}

int error_prefix(struct error *err, const char *fmt, ...)
{
    char old[sizeof(err->text)];
    va_list args;
    int n = 0;

    if (!err) {
        return -1;
    }
    memcpy(old, err->text, sizeof(old));
    va_start(args, fmt);
    n = vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof(err->text)) {
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", old);
    }
    drop_broken_tail(err->text, sizeof(err->text));
    return -1;
}

void error_clear(struct error *err)
{
    if (err) {
        err->code = ERR_NONE;
        err->text[0] = '\0';
    }
}

const char *error_code_name(enum error_code code)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",
        [ERR_INVALID] = "invalid",
        [ERR_DENIED] = "denied",
        [ERR_NOT_FOUND] = "not-found",
        [ERR_CONFLICT] = "conflict",
        [ERR_THROTTLED] = "throttled",
        [ERR_UNAVAILABLE] = "unavailable",
        [ERR_PROTOCOL] = "protocol",
        [ERR_INTERNAL] = "internal",
    };

    return names[code];
}
