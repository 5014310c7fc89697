/* Counts characters of UTF-8, whole or broken, and points at one. */
#include "plan/selector_column.h"

#include <stdbool.h>
#include <string.h>

#include "plan/selector.h"
#include "util/utf8.h"

#define STRINGIFY(x)    #x
#define STRING_VALUE(x) STRINGIFY(x)

/* 0 for a byte which is none; it cannot reach beyond the NUL, which continues no character. */
static size_t char_len(const char *p)
{
    return utf8_len(p, UTF8_LEN_MAX);
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == '\x7f';
}

size_t selector_step(const char *p)
{
    size_t len = char_len(p);

    return len > 0 ? len : 1;
}

size_t selector_column(const char *text, const char *at)
{
    size_t column = 1;

    for (const char *p = text; p < at; p += selector_step(p)) {
        column++;
    }
    return column;
}

const char *selector_misfit(const char *text, const char **why)
{
    for (const char *at = text; *at != '\0'; at += selector_step(at)) {
        if (at - text + selector_step(at) > SELECTOR_LEN_MAX) {
            *why = "an expression has at most " STRING_VALUE(SELECTOR_LEN_MAX) " bytes";
            return at;
        }
        if (is_control(*at) && !strchr("\t\n\r", *at)) {
            *why = "a control character";
            return at;
        }
        if (char_len(at) == 0) {
            *why = "not UTF-8";
            return at;
        }
    }
    return NULL;
}

void selector_point(const char *text, const char *at, struct strbuf *out)
{
    for (const char *p = text; *p != '\0' && p - text < SELECTOR_LEN_MAX; p += selector_step(p)) {
        if (is_control(*p)) {
            strbuf_add_char(out, ' ');
        } else if (char_len(p) == 0) {
            strbuf_add_text(out, UTF8_REPLACEMENT);
        } else {
            strbuf_add(out, p, char_len(p));
        }
    }
    strbuf_addf(out, "\n%*s^", (int)selector_column(text, at) - 1, "");
}
