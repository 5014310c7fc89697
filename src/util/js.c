/* JSON: jansson's values read by v0.3.0's rules, strings written with v0.3.0's escapes. */
#include "util/js.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "util/mem.h"
#include "util/utf8.h"

#define MEMBERS_ON_STACK 64

/* ---- reading (js_parse.c has the parser) ----------------------------------------------------- */

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

/* ---- plain text: most of every string, so eight bytes are looked at together ----------------- */

#define BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS   BYTES(0x80)

/* A high bit at the first byte that is 0, perhaps at some behind it too. */
static uint64_t zeros(uint64_t word)
{
    return (word - BYTES(0x01)) & ~word;
}

/* How many of the eight bytes, the first in the lowest place, come before one that is not plain. */
static size_t plain_bytes(uint64_t word)
{
    uint64_t special = word | ((word - BYTES(0x20)) & ~word); /* above ASCII, or controls */

    special |= zeros(word ^ BYTES('\\'));
    special |= zeros((word & BYTES(0xfb)) ^ BYTES('"')); /* and &, which differs in one bit */
    special |= zeros((word & BYTES(0xfd)) ^ BYTES('<')); /* and >, the same */
    special &= HIGH_BITS;
    return special ? (size_t)__builtin_ctzll(special) / 8 : sizeof(word);
}

const char *js_skip_plain(const char *p, const char *end)
{
    uint64_t word;

    while ((size_t)(end - p) >= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        size_t n = plain_bytes(le64toh(word));

        p += n;
        if (n < sizeof(word)) {
            return p;
        }
    }
    word = 0; /* a NUL is not plain */
    memcpy(&word, p, (size_t)(end - p));
    return p + plain_bytes(le64toh(word));
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

/* Writes the character at p, which js_skip_plain stopped at, and gives its length in the input. */
static size_t write_special(struct strbuf *out, const unsigned char *p, size_t left)
{
    char room[8];
    const char *escape = escape_of(*p, room);
    size_t len = utf8_len((const char *)p, left);

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

void js_write_part(struct strbuf *out, const char *text, size_t len)
{
    const char *p = text;
    const char *end = p + len;

    while (p < end) {
        const char *run = p;

        p = js_skip_plain(p, end);
        strbuf_add(out, run, (size_t)(p - run));
        if (p < end) {
            p += write_special(out, (const unsigned char *)p, (size_t)(end - p));
        }
    }
}

void js_write_bytes(struct strbuf *out, const char *text, size_t len)
{
    strbuf_add_char(out, '"');
    js_write_part(out, text, len);
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

struct member {
    const char *name;
    const json_t *value;
};

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

/* What ECS says, and what we stored, is in order but for a few. */
static void sort_members(struct member *members, size_t n)
{
    if (n > MEMBERS_ON_STACK) {
        qsort(members, n, sizeof(members[0]), compare_members);
        return;
    }
    for (size_t m = 1; m < n; m++) {
        struct member moved = members[m];
        size_t to = m;

        for (; to > 0 && strcmp(members[to - 1].name, moved.name) > 0; to--) {
            members[to] = members[to - 1];
        }
        members[to] = moved;
    }
}

static void write_object(struct strbuf *out, const json_t *obj)
{
    union { /* jansson's iterators want a pointer without const, and change nothing */
        const json_t *borrowed;
        json_t *obj;
    } walk = {.borrowed = obj};
    struct member on_stack[MEMBERS_ON_STACK];
    size_t size = json_object_size(obj);
    struct member *members = size <= MEMBERS_ON_STACK ? on_stack : xcalloc(size, sizeof(*members));
    size_t n = 0;

    for (void *at = json_object_iter(walk.obj); at; at = json_object_iter_next(walk.obj, at)) {
        members[n++] = (struct member){json_object_iter_key(at), json_object_iter_value(at)};
    }
    sort_members(members, n);
    strbuf_add_char(out, '{');
    for (size_t m = 0; m < n; m++) {
        js_write_key(out, members[m].name);
        js_write_canonical(out, members[m].value);
    }
    strbuf_add_char(out, '}');
    if (members != on_stack) {
        free(members);
    }
}

static void write_array(struct strbuf *out, const json_t *array)
{
    json_t *element;
    size_t i;

    strbuf_add_char(out, '[');
    json_array_foreach(array, i, element)
    {
        js_write_comma(out);
        js_write_canonical(out, element);
    }
    strbuf_add_char(out, ']');
}

/* With a fraction or an exponent, so that it is read as a real again, and as the same one. */
static void write_real(struct strbuf *out, double number)
{
    char text[40];

    snprintf(text, sizeof(text), "%.15g", number);
    if (strtod(text, NULL) != number) {
        snprintf(text, sizeof(text), "%.17g", number);
    }
    strbuf_add_text(out, text);
    if (!strpbrk(text, ".e")) {
        strbuf_add(out, ".0", 2);
    }
}

void js_write_canonical(struct strbuf *out, const json_t *value)
{
    switch (value ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        write_object(out, value);
        break;
    case JSON_ARRAY:
        write_array(out, value);
        break;
    case JSON_STRING:
        js_write_bytes(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        strbuf_add_int(out, json_integer_value(value));
        break;
    case JSON_REAL:
        write_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        strbuf_add(out, "true", 4);
        break;
    case JSON_FALSE:
        strbuf_add(out, "false", 5);
        break;
    default:
        strbuf_add(out, "null", 4);
    }
}
