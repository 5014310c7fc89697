/* The answer as JSON. */
#include "lambda-proxy/answer.h"

#include <strings.h>

#include "util/base64.h"
#include "util/js.h"
#include "util/mem.h"
#include "util/utf8.h"

static bool is_utf8(const char *bytes, size_t len)
{
    while (len > 0) {
        size_t one = (unsigned char)*bytes < 0x80 ? 1 : utf8_len(bytes, len);

        if (one == 0) {
            return false;
        }
        bytes += one;
        len -= one;
    }
    return true;
}

/* How often the name of header i stands before it, and behind it. */
static void count_namesakes(const struct headers *headers, size_t i, size_t *before, size_t *behind)
{
    *before = *behind = 0;
    for (size_t other = 0; other < headers->n; other++) {
        if (other != i && strcasecmp(headers->items[other].name, headers->items[i].name) == 0) {
            ++*(other < i ? before : behind);
        }
    }
}

static void write_values(struct strbuf *out, const struct headers *headers, const char *name)
{
    strbuf_add_char(out, '[');
    for (size_t i = 0; i < headers->n; i++) {
        if (strcasecmp(headers->items[i].name, name) == 0) {
            js_write_comma(out);
            js_write_string(out, headers->items[i].value);
        }
    }
    strbuf_add_char(out, ']');
}

static void write_headers(struct strbuf *out, const struct headers *headers, bool repeated)
{
    size_t before, behind;

    strbuf_add_char(out, '{');
    for (size_t i = 0; i < headers->n; i++) {
        const struct header *header = &headers->items[i];

        count_namesakes(headers, i, &before, &behind);
        if (before > 0 || (behind > 0) != repeated) {
            continue;
        }
        js_write_comma(out);
        js_write_string(out, header->name);
        strbuf_add_char(out, ':');
        if (repeated) {
            write_values(out, headers, header->name);
        } else {
            js_write_string(out, header->value);
        }
    }
    strbuf_add_char(out, '}');
}

/* Whole characters of a text. */
static size_t piece_len(const char *bytes, size_t left, bool text)
{
    size_t len = left < MEM_PIECE ? left : MEM_PIECE;

    while (text && len < left && (bytes[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

/* Ends early where it has become too long. */
static void write_body(struct strbuf *out, const struct strbuf *body)
{
    bool text = is_utf8(body->text, body->len);

    js_write_key(out, "body");
    strbuf_add_char(out, '"');
    for (size_t at = 0, n; at < body->len && out->len <= ANSWER_LEN_MAX; at += n) {
        n = piece_len(body->text + at, body->len - at, text);
        if (text) {
            js_write_part(out, body->text + at, n);
        } else {
            base64_encode(body->text + at, n, out);
        }
        mem_give_back(body->text, at + n);
    }
    strbuf_add_char(out, '"');
    js_write_key(out, "isBase64Encoded");
    strbuf_add_text(out, text ? "false" : "true");
}

bool answer_write(struct strbuf *out, int status, const struct headers *headers,
                  struct strbuf *body)
{
    strbuf_reset(out);
    strbuf_add_char(out, '{');
    js_write_key(out, "statusCode");
    strbuf_add_int(out, status);
    js_write_key(out, "headers");
    write_headers(out, headers, false);
    js_write_key(out, "multiValueHeaders");
    write_headers(out, headers, true);
    write_body(out, body);
    strbuf_add_char(out, '}');
    strbuf_reset(body);
    if (out->len > ANSWER_LEN_MAX) {
        strbuf_reset(out);
        return false;
    }
    return true;
}

void answer_write_failure(struct strbuf *out, int status, const char *request_id,
                          const char *message)
{
    AUTO_STRBUF body = {0};

    strbuf_add_char(&body, '{');
    js_write_key(&body, "message");
    js_write_string(&body, message);
    strbuf_add_text(&body, "}\n");

    strbuf_reset(out);
    strbuf_add_text(out, "{\"statusCode\":");
    strbuf_add_int(out, status);
    strbuf_add_text(out, ",\"headers\":{\"Content-Type\":\"application/json\"");
    js_write_key(out, "X-Request-Id");
    js_write_string(out, request_id);
    strbuf_add_text(out, "},\"body\":");
    js_write_bytes(out, body.text, body.len);
    strbuf_add_text(out, ",\"isBase64Encoded\":false}");
}
