/* A text which grows. */
#ifndef BLOX_UTIL_STRBUF_H
#define BLOX_UTIL_STRBUF_H

#include <stdbool.h>
#include <stdint.h>

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
void strbuf_add(struct strbuf *buf, const char *bytes, size_t len);
void strbuf_add_text(struct strbuf *buf, const char *text);
void strbuf_add_char(struct strbuf *buf, char c);
void strbuf_add_int(struct strbuf *buf, int64_t n);
void strbuf_addf(struct strbuf *buf, const char *fmt, ...) PRINTF(2, 3);
/* The text as HTML and XML want it: & < > " ' and a carriage return as references. */
void strbuf_add_markup(struct strbuf *buf, const char *text);
/* The text ("" when nothing was added), the caller's from now on; buf is empty afterwards. */
char *strbuf_take(struct strbuf *buf) MUST_CHECK;

#endif
