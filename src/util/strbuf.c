/* A text which grows by doubling. */
#include "util/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

#define STRBUF_CAP_MIN 64
#define NUMBER_LEN     20 /* "-9223372036854775808" */

void strbuf_clear(struct strbuf *buf)
{
    free(buf->text);
    *buf = (struct strbuf){0};
}

void strbuf_reset(struct strbuf *buf)
{
    buf->len = 0;
    if (buf->text) {
        buf->text[0] = '\0';
    }
}

void strbuf_reserve(struct strbuf *buf, size_t more)
{
    size_t need = buf->len + more + 1;
    size_t cap = buf->cap ? buf->cap : STRBUF_CAP_MIN;

    if (need <= buf->cap) {
        return;
    }
    while (cap < need) {
        cap *= 2;
    }
    buf->text = xrealloc(buf->text, cap);
    buf->cap = cap;
}

void strbuf_add_int(struct strbuf *buf, int64_t n)
{
    char digits[NUMBER_LEN];
    char *p = digits + sizeof(digits);
    uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;

    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (n < 0) {
        *--p = '-';
    }
    strbuf_add(buf, p, (size_t)(digits + sizeof(digits) - p));
}

void strbuf_add_markup(struct strbuf *buf, const char *text)
{
    static const char special[] = "&<>\"'\r";
    static const char *const references[] = {"&amp;", "&lt;", "&gt;", "&#34;", "&#39;", "&#13;"};

    while (*text) {
        size_t plain = strcspn(text, special);

        strbuf_add(buf, text, plain);
        text += plain;
        if (*text) {
            strbuf_add_text(buf, references[strchr(special, *text++) - special]);
        }
    }
}

void strbuf_addf(struct strbuf *buf, const char *fmt, ...)
{
    va_list args;
    va_list again;
    int n = 0;

    va_start(args, fmt);
    va_copy(again, args);
    n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0) {
        strbuf_reserve(buf, (size_t)n);
        vsnprintf(buf->text + buf->len, (size_t)n + 1, fmt, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

char *strbuf_take(struct strbuf *buf)
{
    char *text = buf->text ? buf->text : xstrdup("");

    *buf = (struct strbuf){0};
    return text;
}
