/* Patterns with `*`, matched against ARNs. */
#include "plan/callers.h"

#include <stdlib.h>

#include "util/mem.h"

#define BLANKS " \t\r\n"

/* Where the text stops to fit, the last `*` takes one character more: no more than
 * strlen(pattern) * strlen(text) steps, whatever they are. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL; /* behind the last `*` ... */
    const char *from = NULL; /* ... what is tried to match from here */

    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static int add(struct callers *callers, const char *text, size_t len, struct error *err)
{
    size_t lead = strspn(text, BLANKS);

    lead = lead < len ? lead : len;
    text += lead;
    len -= lead;
    while (len > 0 && strchr(BLANKS, text[len - 1])) {
        len--;
    }
    if (callers->n == CALLERS_MAX) {
        return error_set(err, ERR_INVALID, "want at most %d patterns", CALLERS_MAX);
    }
    if (len == 0) {
        return error_set(err, ERR_INVALID, "pattern %zu is empty", callers->n + 1);
    }
    if (*text != '*' && strncmp(text, "arn:", 4) != 0) {
        return error_set(err, ERR_INVALID, "want ARNs, which begin with \"arn:\", not \"%.*s\"",
                         len < 60 ? (int)len : 60, text);
    }
    callers->patterns =
        xreallocarray(callers->patterns, callers->n + 1, sizeof(*callers->patterns));
    callers->patterns[callers->n++] = xmemdup0(text, len);
    return 0;
}

struct callers *callers_parse(const char *list, struct error *err)
{
    AUTO(callers) *callers = xcalloc(1, sizeof(*callers));

    for (const char *at = list;; at++) {
        size_t len = strcspn(at, ",");

        if (add(callers, at, len, err) < 0) {
            return NULL;
        }
        at += len;
        if (!*at) {
            return TAKE(callers);
        }
    }
}

void callers_free(struct callers *callers)
{
    if (!callers) {
        return;
    }
    for (size_t p = 0; p < callers->n; p++) {
        free(callers->patterns[p]);
    }
    free(callers->patterns);
    free(callers);
}

bool callers_have(const struct callers *callers, const char *arn)
{
    for (size_t p = 0; p < callers->n; p++) {
        if (matches(callers->patterns[p], arn)) {
            return true;
        }
    }
    return false;
}
