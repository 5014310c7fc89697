/*
 * Reads JSON (RFC 8259) into jansson's values. Ours because jansson's own reader goes byte by byte
 * and would take most of the time of an event, and because it refuses what v0.3.0 mended: broken
 * UTF-8 and lone surrogates.
 */
#include "util/js.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/utf8.h"

#define DEPTH_MAX      512
#define NUMBER_LEN_MAX 400 /* more digits than the longest double */
#define NAME_ON_STACK  128 /* longer ones are copied to the heap */

struct reader {
    const char *begin;
    const char *p;
    const char *pause; /* up to here strings are copied at once */
    const char *end;
    int depth;
    struct strbuf text;   /* the last string or key, unescaped */
    const char *key;      /* see js_parse_apart; NULL: none */
    struct strbuf *apart; /* its string */
    const char *why;      /* of a failure */
};

static json_t *read_value(struct reader *r);

static bool fail(struct reader *r, const char *why)
{
    r->why = r->why ? r->why : why;
    return false;
}

static void skip_space(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t')) {
        r->p++;
    }
}

static bool skip_char(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c) {
        return false;
    }
    r->p++;
    return true;
}

/* ---- strings --------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The code unit of "uXXXX" at p, -1 when there is none. */
static int32_t unit_at(const struct reader *r, const char *p)
{
    int32_t unit = 0;

    if (r->end - p < 5 || *p != 'u') {
        return -1;
    }
    for (int i = 1; i <= 4; i++) {
        int digit = hex_value(p[i]);

        if (digit < 0) {
            return -1;
        }
        unit = unit << 4 | digit;
    }
    return unit;
}

/* At the "u" of an escape; two of them may make one character. */
static bool read_unicode(struct reader *r)
{
    char bytes[UTF8_LEN_MAX];
    int32_t unit = unit_at(r, r->p);

    if (unit < 0) {
        return fail(r, "want four hexadecimal digits after \\u");
    }
    r->p += 5;
    if (unit >= 0xd800 && unit <= 0xdbff && r->p < r->end && *r->p == '\\') {
        int32_t low = unit_at(r, r->p + 1);

        if (low >= 0xdc00 && low <= 0xdfff) {
            r->p += 6;
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    strbuf_add(&r->text, bytes, utf8_encode((uint32_t)unit, bytes));
    return true;
}

/* Behind the backslash. */
static bool read_escape(struct reader *r)
{
    if (skip_char(r, '"')) { /* of the seven hundred in a message whose body is JSON */
        strbuf_add_char(&r->text, '"');
        return true;
    }
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *found = r->p < r->end && *r->p ? strchr(escapes, *r->p) : NULL;

    if (!found) {
        return read_unicode(r);
    }
    strbuf_add_char(&r->text, meanings[found - escapes]);
    r->p++;
    return true;
}

/* What js_skip_plain stops at: a character, an escape, or nothing which belongs here. */
static bool read_special(struct reader *r)
{
    size_t len;

    if (*r->p == '\\') {
        r->p++;
        return read_escape(r);
    }
    if ((unsigned char)*r->p < 0x20) {
        return fail(r, "control character in a string");
    }
    len = utf8_len(r->p, (size_t)(r->end - r->p));
    if (len > 0) {
        strbuf_add(&r->text, r->p, len);
        r->p += len;
    } else {
        strbuf_add_text(&r->text, UTF8_REPLACEMENT);
        r->p++;
    }
    return true;
}

/* At the pause: gives back what was read, if that is wanted. False at the end. */
static bool go_on(struct reader *r)
{
    if (r->p == r->end) {
        return fail(r, "the end of a string is missing");
    }
    mem_give_back(r->begin, (size_t)(r->p - r->begin));
    r->pause = r->end - r->p > MEM_PIECE ? r->p + MEM_PIECE : r->end;
    return true;
}

/* Behind the opening quote; unescaped into r->text. */
static bool read_text(struct reader *r)
{
    strbuf_reset(&r->text);
    for (;;) {
        if (r->p >= r->pause && !go_on(r)) {
            return false;
        }
        const char *plain = r->p;

        r->p = js_skip_plain(r->p, r->pause);
        strbuf_add(&r->text, plain, (size_t)(r->p - plain));
        if (r->p == r->pause) {
            continue;
        }
        if (skip_char(r, '"')) {
            return true;
        }
        if (!read_special(r)) {
            return false;
        }
    }
}

static json_t *read_string(struct reader *r)
{
    return read_text(r) ? json_stringn_nocheck(r->text.text, r->text.len) : NULL;
}

/* The value of the member that goes apart, if it is a string. */
static json_t *read_apart(struct reader *r)
{
    skip_space(r);
    if (!skip_char(r, '"')) {
        return read_value(r);
    }
    struct strbuf other = r->text;

    r->text = *r->apart;
    bool whole = read_text(r);

    *r->apart = r->text;
    r->text = other;
    return whole ? json_string("") : NULL;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static bool skip_digits(struct reader *r)
{
    const char *first = r->p;

    while (r->p < r->end && *r->p >= '0' && *r->p <= '9') {
        r->p++;
    }
    return r->p > first;
}

/* Skips a number by its grammar; *real tells whether it has a fraction or an exponent. */
static bool skip_number(struct reader *r, bool *real)
{
    (void)skip_char(r, '-');
    if (!skip_char(r, '0') && !skip_digits(r)) {
        return false;
    }
    if (skip_char(r, '.')) {
        *real = true;
        if (!skip_digits(r)) {
            return false;
        }
    }
    if (skip_char(r, 'e') || skip_char(r, 'E')) {
        *real = true;
        if (!skip_char(r, '+')) {
            (void)skip_char(r, '-');
        }
        return skip_digits(r);
    }
    return true;
}

static json_t *read_number(struct reader *r)
{
    const char *first = r->p;
    bool real = false;
    char digits[NUMBER_LEN_MAX + 1];

    if (!skip_number(r, &real) || r->p - first > NUMBER_LEN_MAX) {
        fail(r, "want a value");
        return NULL;
    }
    memcpy(digits, first, (size_t)(r->p - first));
    digits[r->p - first] = '\0';
    errno = 0;
    if (!real) {
        json_int_t whole = strtoll(digits, NULL, 10);

        return errno == 0 ? json_integer(whole) : (fail(r, "too large a number"), NULL);
    }
    double number = strtod(digits, NULL);

    return isfinite(number) ? json_real(number) : (fail(r, "too large a number"), NULL);
}

/* ---- objects, arrays, words ------------------------------------------------------------------ */

static bool read_member(struct reader *r, json_t *obj)
{
    skip_space(r);
    if (!skip_char(r, '"')) {
        return fail(r, "want a name in quotes");
    }
    if (!read_text(r)) {
        return false;
    }
    if (strlen(r->text.text) != r->text.len) {
        return fail(r, "a zero byte in a name");
    }
    size_t len = r->text.len;
    char on_stack[NAME_ON_STACK]; /* the value will be read into the same text */
    AUTO_CHAR *on_heap = len < sizeof(on_stack) ? NULL : xmemdup0(r->text.text, len);
    const char *name = on_heap ? on_heap : memcpy(on_stack, r->text.text, len + 1);

    skip_space(r);
    if (!skip_char(r, ':')) {
        return fail(r, "want a colon");
    }
    bool apart = r->key && r->depth == 1 && streq(name, r->key);
    json_t *value = apart ? read_apart(r) : read_value(r);

    return value && json_object_setn_new_nocheck(obj, name, len, value) == 0;
}

static bool read_element(struct reader *r, json_t *array)
{
    json_t *value = read_value(r);

    return value && json_array_append_new(array, value) == 0;
}

/* Behind the opening bracket: everything up to `close`. Takes the empty container. */
static json_t *read_all(struct reader *r, json_t *container, char close,
                        bool (*read_one)(struct reader *r, json_t *container))
{
    skip_space(r);
    if (skip_char(r, close)) {
        return container;
    }
    while (read_one(r, container)) {
        skip_space(r);
        if (skip_char(r, close)) {
            return container;
        }
        if (!skip_char(r, ',')) {
            fail(r, "want a comma or the end");
            break;
        }
    }
    json_decref(container);
    return NULL;
}

static json_t *read_word(struct reader *r)
{
    static const char *const words[] = {"null", "true", "false"};

    for (size_t w = 0; w < ARRAY_LEN(words); w++) {
        size_t len = strlen(words[w]);

        if ((size_t)(r->end - r->p) >= len && memcmp(r->p, words[w], len) == 0) {
            r->p += len;
            return w == 0 ? json_null() : json_boolean(w == 1);
        }
    }
    fail(r, "want a value");
    return NULL;
}

static json_t *read_value(struct reader *r)
{
    json_t *value = NULL;

    skip_space(r);
    if (++r->depth > DEPTH_MAX) {
        fail(r, "nested too deeply");
    } else if (skip_char(r, '"')) {
        value = read_string(r);
    } else if (skip_char(r, '{')) {
        value = read_all(r, json_object(), '}', read_member);
    } else if (skip_char(r, '[')) {
        value = read_all(r, json_array(), ']', read_element);
    } else if (r->p < r->end && (*r->p == '-' || (*r->p >= '0' && *r->p <= '9'))) {
        value = read_number(r);
    } else {
        value = read_word(r);
    }
    r->depth--;
    return value;
}

/* The place where reading ended, as people count. */
static int set_place(const struct reader *r, struct error *err)
{
    size_t line = 1;
    const char *start = r->begin;

    for (const char *p = r->begin; p < r->p; p++) {
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    }
    return error_set(err, ERR_INVALID, "JSON, line %zu column %zu: %s", line,
                     (size_t)(r->p - start) + 1, r->why);
}

static json_t *read_document(struct reader *r, struct error *err)
{
    json_t *value = read_value(r);

    skip_space(r);
    if (value && r->p < r->end) {
        fail(r, "something follows the value");
        json_decref(value);
        value = NULL;
    }
    if (!value) {
        set_place(r, err);
    }
    strbuf_clear(&r->text);
    return value;
}

json_t *js_parse(const char *text, size_t len, struct error *err)
{
    const char *end = text + len;

    return read_document(&(struct reader){.begin = text, .p = text, .pause = end, .end = end}, err);
}

json_t *js_parse_apart(struct strbuf *text, const char *key, struct strbuf *apart,
                       struct error *err)
{
    const char *begin = text->text ? text->text : "";
    struct reader r = {.begin = begin,
                       .p = begin,
                       .pause = begin,
                       .end = begin + text->len,
                       .key = key,
                       .apart = apart};
    json_t *value = read_document(&r, err);

    strbuf_reset(text);
    return value;
}
