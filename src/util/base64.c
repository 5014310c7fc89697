/* Base64, three bytes or four characters at a time. */
#include "util/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *bytes, size_t len, struct strbuf *out)
{
    const unsigned char *from = bytes;

    strbuf_reserve(out, (len + 2) / 3 * 4);
    strbuf_add(out, "", 0);
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                         (left > 2 ? from[i + 2] : 0);
        char text[4] = {
            alphabet[group >> 18],
            alphabet[group >> 12 & 63],
            left > 1 ? alphabet[group >> 6 & 63] : '=',
            left > 2 ? alphabet[group & 63] : '=',
        };

        strbuf_add(out, text, sizeof(text));
    }
}

static int sextet(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* Four characters of which the last `padding` are "="; false when they are something else. */
static bool decode_group(const char *text, size_t padding, struct strbuf *out)
{
    uint32_t group = 0;

    for (size_t i = 0; i < 4; i++) {
        int bits = i < 4 - padding ? sextet(text[i]) : text[i] == '=' ? 0 : -1;

        if (bits < 0) {
            return false;
        }
        group = group << 6 | (uint32_t)bits;
    }
    if (group & ((1U << 8 * padding) - 1)) {
        return false;
    }
    char bytes[3] = {(char)(group >> 16), (char)(group >> 8), (char)group};

    strbuf_add(out, bytes, 3 - padding);
    return true;
}

static size_t padding_of(const char *text, size_t len)
{
    if (len == 0 || text[len - 1] != '=') {
        return 0;
    }
    return text[len - 2] == '=' ? 2 : 1;
}

bool base64_decode(const char *text, size_t len, struct strbuf *out)
{
    size_t before = out->len;

    if (len % 4 != 0) {
        return false;
    }
    strbuf_reserve(out, len / 4 * 3);
    strbuf_add(out, "", 0);
    for (size_t i = 0; i < len; i += 4) {
        if (!decode_group(text + i, i + 4 == len ? padding_of(text, len) : 0, out)) {
            out->len = before;
            out->text[before] = '\0';
            return false;
        }
    }
    return true;
}
