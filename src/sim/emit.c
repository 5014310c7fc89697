/* Writes JSON straight into a text. */
#include "sim/emit.h"

#include <string.h>

#include "util/clock.h"
#include "util/js.h"

static void begin_value(struct emit *e, const char *key)
{
    if (e->follows) {
        strbuf_add_char(e->out, ',');
    }
    if (key) { /* ours: nothing in it needs escaping */
        strbuf_add_char(e->out, '"');
        strbuf_add_text(e->out, key);
        strbuf_add(e->out, "\":", 2);
    }
    e->follows = true;
}

void emit_open(struct emit *e, const char *key, char bracket)
{
    begin_value(e, key);
    strbuf_add_char(e->out, bracket);
    e->follows = false;
}

void emit_close(struct emit *e, char bracket)
{
    strbuf_add_char(e->out, bracket);
    e->follows = true;
}

/* What js_skip_plain stopped at: some of it needs no escape here. */
static void add_special(struct strbuf *out, unsigned char c)
{
    switch (c) {
    case '"':
        strbuf_add(out, "\\\"", 2);
        break;
    case '\\':
        strbuf_add(out, "\\\\", 2);
        break;
    case '\n':
        strbuf_add(out, "\\n", 2);
        break;
    default:
        if (c < 0x20) {
            strbuf_addf(out, "\\u%04x", c);
        } else {
            strbuf_add_char(out, (char)c);
        }
    }
}

void emit_text_len(struct emit *e, const char *key, const char *value, size_t len)
{
    const char *p = value;
    const char *end = value + len;

    begin_value(e, key);
    strbuf_reserve(e->out, len + 2);
    strbuf_add_char(e->out, '"');
    while (p < end) {
        const char *run = p;

        p = js_skip_plain(p, end);
        strbuf_add(e->out, run, (size_t)(p - run));
        if (p < end) {
            add_special(e->out, (unsigned char)*p++);
        }
    }
    strbuf_add_char(e->out, '"');
}

void emit_text(struct emit *e, const char *key, const char *value)
{
    emit_text_len(e, key, value, strlen(value));
}

void emit_text_if(struct emit *e, const char *key, const char *value)
{
    if (value && *value) {
        emit_text(e, key, value);
    }
}

void emit_int(struct emit *e, const char *key, int64_t value)
{
    begin_value(e, key);
    strbuf_add_int(e->out, value);
}

void emit_int_as_text(struct emit *e, const char *key, int64_t value)
{
    begin_value(e, key);
    strbuf_add_char(e->out, '"');
    strbuf_add_int(e->out, value);
    strbuf_add_char(e->out, '"');
}

void emit_real(struct emit *e, const char *key, double value)
{
    begin_value(e, key);
    strbuf_addf(e->out, "%.1f", value);
}

void emit_bool(struct emit *e, const char *key, bool value)
{
    begin_value(e, key);
    strbuf_add_text(e->out, value ? "true" : "false");
}

static int add_piece(const char *bytes, size_t len, void *out)
{
    strbuf_add(out, bytes, len);
    return 0;
}

void emit_json(struct emit *e, const char *key, const json_t *value)
{
    begin_value(e, key);
    json_dump_callback(value, add_piece, e->out, JSON_COMPACT | JSON_ENCODE_ANY);
}

void emit_epoch(struct emit *e, const char *key, int64_t at_ms)
{
    if (at_ms) {
        begin_value(e, key);
        strbuf_addf(e->out, "%lld.%03d", (long long)(at_ms / 1000), (int)(at_ms % 1000));
    }
}

void emit_iso(struct emit *e, const char *key, int64_t at_ms)
{
    char text[CLOCK_ISO_LEN];

    if (at_ms) {
        clock_format_iso_ms(at_ms, text);
        emit_text(e, key, text);
    }
}
