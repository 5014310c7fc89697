/* A text which grows. */
#ifndef BLOX_UTIL_STRBUF_H
#define BLOX_UTIL_STRBUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/attr.h"

struct strbuf {
    char *text; /* NUL-terminated once something was added; NULL before */
    size_t len; /* bytes before the NUL */
    size_t cap;
};

/* `AUTO_STRBUF out = {0};` is cleared with the scope. */
#define AUTO_STRBUF __attribute__((cleanup(strbuf_clear))) struct strbuf

void strbuf_clear(struct strbuf *buf);                /* frees; buf is empty and usable again */
void strbuf_reset(struct strbuf *buf);                /* empties and keeps the memory */
void strbuf_reserve(struct strbuf *buf, size_t more); /* room for `more` bytes and a NUL */
void strbuf_add_int(struct strbuf *buf, int64_t n);
void strbuf_addf(struct strbuf *buf, const char *fmt, ...) PRINTF(2, 3);
/* The text as HTML and XML want it: & < > " ' and a carriage return as references. */
void strbuf_add_markup(struct strbuf *buf, const char *text);
/* The text ("" when nothing was added), the caller's from now on; buf is empty afterwards. */
char *strbuf_take(struct strbuf *buf) MUST_CHECK;

/* These are called for every piece of every JSON text: here, so that they cost no call. */

static inline void strbuf_add(struct strbuf *buf, const char *bytes, size_t len)
{
    if (len >= buf->cap - buf->len) { /* the NUL, too */
        strbuf_reserve(buf, len);
    }
    if (len > 0) {
        memcpy(buf->text + buf->len, bytes, len);
    }
    buf->len += len;
    buf->text[buf->len] = '\0';
}

static inline void strbuf_add_text(struct strbuf *buf, const char *text)
{
    strbuf_add(buf, text, strlen(text));
}

static inline void strbuf_add_char(struct strbuf *buf, char c)
{
    strbuf_add(buf, &c, 1);
}

#endif
