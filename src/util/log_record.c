/* Log lines: the format string is taken apart, values are escaped, and the line is always whole. */
#include "util/log_record.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/attr.h"
#include "util/clock.h"
#include "util/utf8.h"

#define LINE_END_LEN 4 /* kept free for `"`, `}` and the newline */
#define VALUE_MAX    3072
#define KEY_MAX      64

struct line {
    char *text;
    size_t len;
    bool json;
    bool full; /* what does not fit any more is left out */
};

/* One value before it is escaped. */
struct value {
    char text[VALUE_MAX];
    size_t len;
    int n_conversions;
    bool is_number; /* the last conversion was one */
    bool is_mixed;  /* something besides conversions */
};

/* ---- bytes ----------------------------------------------------------------------------------- */

/* All of it or nothing, and then nothing after it either. */
static void put(struct line *line, const char *bytes, size_t len)
{
    if (line->full || line->len + len > LOG_LINE_MAX - LINE_END_LEN) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->len, bytes, len);
    line->len += len;
}

/* What LINE_END_LEN is kept for. */
static void put_last(struct line *line, char c)
{
    assert(line->len < LOG_LINE_MAX);
    line->text[line->len++] = c;
}

/* Between quotes; the escapes of JSON serve logfmt as well. */
static void put_escaped(struct line *line, const char *text, size_t len)
{
    static const char short_for[] = "\"\"\\\\\nn\tt\rr";

    for (size_t i = 0, n; i < len; i += n ? n : 1) {
        unsigned char c = (unsigned char)text[i];
        const char *pair = short_for;
        char escape[8];

        n = utf8_len(text + i, len - i);
        while (*pair && (unsigned char)*pair != c) {
            pair += 2;
        }
        if (n == 0) {
            put(line, UTF8_REPLACEMENT, strlen(UTF8_REPLACEMENT));
        } else if (c != '\0' && *pair) {
            put(line, (const char[]){'\\', pair[1]}, 2);
        } else if (c < 0x20 || c == 0x7F) {
            put(line, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
        } else {
            put(line, text + i, n);
        }
    }
}

/* ---- members --------------------------------------------------------------------------------- */

/* logfmt writes a value bare where that is clear. */
static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!isgraph((unsigned char)text[i]) || strchr("\"=\\", text[i])) {
            return false;
        }
    }
    return len > 0;
}

static void put_member(struct line *line, const char *key, size_t key_len, const char *text,
                       size_t len, bool is_number)
{
    bool bare = is_number || (!line->json && is_plain(text, len));
    struct line before = *line;

    if (line->len > (size_t)line->json) {
        put(line, line->json ? "," : " ", 1);
    }
    put(line, "\"", line->json);
    put(line, key, key_len);
    put(line, line->json ? "\":" : "=", line->json ? 2 : 1);
    put(line, "\"", !bare);
    if (line->full || (bare && line->len + len > LOG_LINE_MAX - LINE_END_LEN)) {
        *line = before; /* a member without a value would be none */
        line->full = true;
    } else if (bare) {
        put(line, text, len);
    } else {
        put_escaped(line, text, len);
        put_last(line, '"');
        line->full = line->full || line->len > LOG_LINE_MAX - LINE_END_LEN;
    }
}

static void put_text(struct line *line, const char *key, const char *text)
{
    put_member(line, key, strlen(key), text, strlen(text), false);
}

/* ---- the format string ----------------------------------------------------------------------- */

static void add_bytes(struct value *value, const char *bytes, size_t len)
{
    size_t room = sizeof(value->text) - value->len;

    memcpy(value->text + value->len, bytes, len < room ? len : room);
    value->len += len < room ? len : room;
}

static void add_integer(struct value *value, char length, bool is_signed, va_list *args)
{
    char digits[32];
    long long n = length == 'l'   ? va_arg(*args, long)
                  : length == 'L' ? va_arg(*args, long long)
                  : length == 'z' ? (long long)va_arg(*args, size_t)
                  : length == 'j' ? (long long)va_arg(*args, intmax_t)
                  : is_signed     ? (long long)va_arg(*args, int)
                                  : (long long)va_arg(*args, unsigned);

    snprintf(digits, sizeof(digits), is_signed && length != 'z' ? "%lld" : "%llu", n);
    add_bytes(value, digits, strlen(digits));
    value->is_number = true;
}

static void add_string(struct value *value, size_t max, va_list *args)
{
    const char *text = va_arg(*args, const char *);

    add_bytes(value, text ? text : "(null)", strnlen(text ? text : "(null)", max));
    value->is_number = false;
}

/* One conversion behind its %; gives what follows it. */
static const char *add_conversion(struct value *value, const char *spec, va_list *args)
{
    size_t max = sizeof(value->text);
    char length = '\0';

    if (*spec == '.') {
        char *end = NULL;

        max = strtoul(spec + 1, &end, 10);
        spec = end;
    }
    while (*spec && strchr("lzj", *spec)) {
        length = length == 'l' ? 'L' : *spec;
        spec++;
    }
    value->n_conversions++;
    switch (*spec) {
    case 's':
        add_string(value, max, args);
        break;
    case 'd':
    case 'i':
    case 'u':
        add_integer(value, length, *spec != 'u', args);
        break;
    case '%':
        add_bytes(value, "%", 1);
        break;
    default:
        assert(!"a conversion which log lines do not have");
    }
    return spec + 1;
}

/* The value at fmt, to the space or the closing quote; gives what follows it. */
static const char *read_value(const char *fmt, struct value *value, va_list *args)
{
    bool quoted = *fmt == '"';

    value->len = 0;
    value->n_conversions = 0;
    value->is_number = false;
    value->is_mixed = quoted;
    fmt += quoted;
    while (*fmt && *fmt != (quoted ? '"' : ' ')) {
        if (*fmt == '%') {
            fmt = add_conversion(value, fmt + 1, args);
        } else {
            add_bytes(value, fmt++, 1);
            value->is_mixed = true;
        }
    }
    return fmt + (quoted && *fmt == '"');
}

static void put_pairs(struct line *line, const char *fmt, va_list *args)
{
    struct value value;

    while (*fmt) {
        size_t key_len = strcspn(fmt, "= %\"");
        bool has_key = fmt[key_len] == '=' && key_len > 0 && key_len <= KEY_MAX;
        const char *key = has_key ? fmt : "text"; /* log_info("event", "%s", "") is common */

        fmt = read_value(has_key ? fmt + key_len + 1 : fmt, &value, args);
        if (has_key || value.len > 0) {
            put_member(line, key, has_key ? key_len : strlen(key), value.text, value.len,
                       value.is_number && value.n_conversions == 1 && !value.is_mixed);
        }
        fmt += strspn(fmt, " ");
    }
}

size_t log_render(enum log_format format, const struct log_record *record, const char *fmt,
                  va_list args, char out[LOG_LINE_MAX])
{
    struct line line = {.text = out, .json = format == LOG_FORMAT_JSON};
    char now[CLOCK_ISO_LEN];
    va_list copy;

    clock_format_iso_ms(record->at_ms, now);
    put(&line, "{", line.json);
    put_text(&line, "time", now);
    put_text(&line, "level", record->level);
    put_text(&line, "program", record->program);
    put_text(&line, "event", record->event);
    if (record->request) {
        put_text(&line, "request", record->request);
    }
    if (record->actor && *record->actor) {
        put_text(&line, "actor", record->actor);
    }
    if (record->api_request && *record->api_request) {
        put_text(&line, "api_request", record->api_request);
    }
    va_copy(copy, args); /* so that it can be handed on by address */
    put_pairs(&line, fmt, &copy);
    va_end(copy);
    if (line.json) {
        put_last(&line, '}');
    }
    put_last(&line, '\n');
    return line.len;
}
