/* Decoding, cleaning and encoding of paths. */
#include "http/path.h"

#include <ctype.h>

#include "util/mem.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_byte(const char digits[2])
{
    int high = hex_digit(digits[0]);
    int low = high < 0 ? -1 : hex_digit(digits[1]); /* a NUL ends it: digits[1] may not exist */

    return low < 0 ? -1 : high * 16 + low;
}

char *path_decode(const char *raw, size_t len)
{
    AUTO_CHAR *text = xmemdup0(raw, len);
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from == '%') {
            int byte = hex_byte(from + 1);

            if (byte <= 0) {
                return NULL;
            }
            *to++ = (char)byte;
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return TAKE(text);
}

static void drop_last_segment(struct strbuf *out)
{
    while (out->len > 0 && out->text[--out->len] != '/') {
    }
    if (out->text) {
        out->text[out->len] = '\0';
    }
}

char *path_clean(const char *path)
{
    AUTO_STRBUF out = {0};
    const char *from = path;

    while (*from) {
        size_t len = strcspn(from, "/");

        if (len == 2 && from[0] == '.' && from[1] == '.') {
            drop_last_segment(&out);
        } else if (len > 0 && !(len == 1 && from[0] == '.')) {
            strbuf_add_char(&out, '/');
            strbuf_add(&out, from, len);
        }
        from += len;
        from += *from == '/';
    }
    if (out.len == 0 || path[strlen(path) - 1] == '/') {
        strbuf_add_char(&out, '/');
    }
    return strbuf_take(&out);
}

void path_encode(const char *path, struct strbuf *out)
{
    for (const char *c = path; *c; c++) {
        if ((*c & 0x80) == 0 && (isalnum((unsigned char)*c) || strchr("-_.~$&+,/:;=@", *c))) {
            strbuf_add_char(out, *c);
        } else {
            strbuf_addf(out, "%%%02X", (unsigned char)*c);
        }
    }
}
