/* JSON: jansson's values read with v0.3.0's rules, and its strings written with v0.3.0's escapes.
 */
#include "util/js.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "util/mem.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* ---- reading --------------------------------------------------------------------------------- */

/* How many bytes the UTF-8 character at p has; 0 when it is none (RFC 3629, table 3-7 of Unicode:
 * no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    unsigned char first = p[0];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (len == 0 || len > left || first > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((first == 0xe0 && p[1] < 0xa0) || (first == 0xed && p[1] > 0x9f) ||
        (first == 0xf0 && p[1] < 0x90) || (first == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    return len;
}

/* The code unit of a \uXXXX escape at p, or -1. */
static int unit_at(const char *p, const char *end)
{
    int unit = 0;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') {
        return -1;
    }
    for (int i = 2; i < 6; i++) {
        if (!isxdigit((unsigned char)p[i])) {
            return -1;
        }
        unit = unit * 16 + (isdigit((unsigned char)p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    }
    return unit;
}

/* Copies the escape at p and gives its length; a surrogate without its other half is replaced. */
static size_t mend_escape(struct strbuf *out, const char *p, const char *end)
{
    int unit = unit_at(p, end);

    if (unit < 0xd800 || unit > 0xdfff) {
        size_t len = end - p > 1 ? 2 : 1;

        strbuf_add(out, p, len);
        return len;
    }
    int next = unit <= 0xdbff ? unit_at(p + 6, end) : -1;

    if (next >= 0xdc00 && next <= 0xdfff) {
        strbuf_add(out, p, 12);
        return 12;
    }
    strbuf_add_text(out, REPLACEMENT);
    return 6;
}

/* Copies a JSON text without its broken UTF-8 and its lone surrogates. */
static void mend(struct strbuf *out, const char *text, size_t len)
{
    const char *end = text + len;

    for (const char *p = text; p < end;) {
        size_t n = utf8_len((const unsigned char *)p, (size_t)(end - p));

        if (*p == '\\') {
            p += mend_escape(out, p, end);
        } else if (n == 0) {
            strbuf_add_text(out, REPLACEMENT);
            p++;
        } else {
            strbuf_add(out, p, n);
            p += n;
        }
    }
}

json_t *js_parse(const char *text, size_t len, struct error *err)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_error_t why;
    json_t *value = json_loadb(text, len, flags, &why);

    if (!value && (json_error_code(&why) == json_error_invalid_utf8 ||
                   json_error_code(&why) == json_error_invalid_syntax)) {
        AUTO_STRBUF mended = {0};

        mend(&mended, text, len);
        if (mended.len != len || memcmp(mended.text, text, len) != 0) {
            value = json_loadb(mended.text, mended.len, flags, &why);
        }
    }
    if (!value) {
        error_set(err, ERR_INVALID, "JSON, line %d column %d: %s", why.line, why.column, why.text);
    }
    return value;
}

json_t *js_get(const json_t *obj, const char *key)
{
    json_t *value = json_object_get(obj, key);

    if (!value && json_is_object(obj)) {
        union { /* jansson's iterators want a pointer without const, and change nothing */
            const json_t *borrowed;
            json_t *obj;
        } walk = {.borrowed = obj};

        for (void *at = json_object_iter(walk.obj); at; at = json_object_iter_next(walk.obj, at)) {
            const char *name = json_object_iter_key(at);

            if ((name[0] | 0x20) == (key[0] | 0x20) && strcasecmp(name, key) == 0) {
                value = json_object_iter_value(at);
            }
        }
    }
    return json_is_null(value) ? NULL : value;
}

/* Finds a member which must have the type, if it is there at all. */
static int get_typed(const json_t *obj, const char *key, bool (*is)(const json_t *),
                     const char *want, json_t **out, struct error *err)
{
    json_t *value = js_get(obj, key);

    if (value && !is(value)) {
        return error_set(err, ERR_INVALID, "%s: want %s", key, want);
    }
    *out = value;
    return 0;
}

static bool is_string(const json_t *value)
{
    return json_is_string(value);
}

static bool is_integer(const json_t *value)
{
    return json_is_integer(value);
}

static bool is_boolean(const json_t *value)
{
    return json_is_boolean(value);
}

static bool is_array(const json_t *value)
{
    return json_is_array(value);
}

static bool is_object(const json_t *value)
{
    return json_is_object(value);
}

int js_get_string(const json_t *obj, const char *key, const char **out, struct error *err)
{
    json_t *value = NULL;

    if (get_typed(obj, key, is_string, "a string", &value, err) < 0) {
        return -1;
    }
    *out = value ? json_string_value(value) : *out;
    return 0;
}

int js_get_int(const json_t *obj, const char *key, int64_t *out, struct error *err)
{
    json_t *value = NULL;

    if (get_typed(obj, key, is_integer, "an integer", &value, err) < 0) {
        return -1;
    }
    *out = value ? json_integer_value(value) : *out;
    return 0;
}

int js_get_bool(const json_t *obj, const char *key, bool *out, struct error *err)
{
    json_t *value = NULL;

    if (get_typed(obj, key, is_boolean, "true or false", &value, err) < 0) {
        return -1;
    }
    *out = value ? json_is_true(value) : *out;
    return 0;
}

int js_get_array(const json_t *obj, const char *key, json_t **out, struct error *err)
{
    json_t *value = NULL;

    if (get_typed(obj, key, is_array, "an array", &value, err) < 0) {
        return -1;
    }
    *out = value ? value : *out;
    return 0;
}

int js_get_object(const json_t *obj, const char *key, json_t **out, struct error *err)
{
    json_t *value = NULL;

    if (get_typed(obj, key, is_object, "an object", &value, err) < 0) {
        return -1;
    }
    *out = value ? value : *out;
    return 0;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The escape of an ASCII character, NULL when it stands for itself. */
static const char *escape_of(unsigned char c, char room[8])
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (c >= 0x20 && c != '<' && c != '>' && c != '&') {
            return NULL;
        }
        snprintf(room, 8, "\\u%04x", c);
        return room;
    }
}

/* Writes the character at p, which is not plain, and gives its length in the input. */
static size_t write_special(struct strbuf *out, const unsigned char *p, size_t left)
{
    char room[8];
    const char *escape = escape_of(*p, room);
    size_t len = utf8_len(p, left);

    if (escape) {
        strbuf_add_text(out, escape);
        return 1;
    }
    if (len == 0) {
        strbuf_add_text(out, "\\ufffd"); /* six characters: so v0.3.0's encoder spelt it */
        return 1;
    }
    if (len == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8) {
        strbuf_add_text(out, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
    } else {
        strbuf_add(out, (const char *)p, len);
    }
    return len;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

void js_write_bytes(struct strbuf *out, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + len;

    strbuf_add_char(out, '"');
    while (p < end) {
        const unsigned char *run = p;

        while (p < end && is_plain(*p)) {
            p++;
        }
        strbuf_add(out, (const char *)run, (size_t)(p - run));
        if (p < end) {
            p += write_special(out, p, (size_t)(end - p));
        }
    }
    strbuf_add_char(out, '"');
}

void js_write_string(struct strbuf *out, const char *text)
{
    if (text) {
        js_write_bytes(out, text, strlen(text));
    } else {
        strbuf_add(out, "null", 4);
    }
}

void js_write_comma(struct strbuf *out)
{
    char last = out->len > 0 ? out->text[out->len - 1] : '[';

    if (last != '[' && last != '{') {
        strbuf_add_char(out, ',');
    }
}

void js_write_key(struct strbuf *out, const char *key)
{
    js_write_comma(out);
    js_write_string(out, key);
    strbuf_add_char(out, ':');
}

static int write_piece(const char *piece, size_t len, void *out)
{
    strbuf_add(out, piece, len);
    return 0;
}

void js_write_canonical(struct strbuf *out, const json_t *value)
{
    strbuf_reserve(out, 1024); /* one allocation for a common entity */
    (void)json_dump_callback(value, write_piece, out,
                             JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}
