/* Pages of listings. */
#include "sim/paging.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "util/crypto.h"

#define TOKEN_PREFIX "blox" /* before the key in hexadecimal digits */

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_token(const char *token, char out[PAGE_KEY_MAX])
{
    size_t prefix = strlen(TOKEN_PREFIX);
    size_t n = 0;

    if (strncmp(token, TOKEN_PREFIX, prefix) != 0) {
        return false;
    }
    for (const char *c = token + prefix; *c; c += 2) {
        if (hex_digit(c[0]) < 0 || hex_digit(c[1]) < 0 || n + 1 >= PAGE_KEY_MAX) {
            return false;
        }
        out[n++] = (char)(hex_digit(c[0]) * 16 + hex_digit(c[1]));
    }
    out[n] = '\0';
    return n > 0;
}

int page_read(struct call *call, struct page *page)
{
    int64_t max = 0;
    const char *token = NULL;

    *page = (struct page){0};
    if (input_int(call, "maxResults", PAGE_MAX, &max) < 0 ||
        input_text(call, "nextToken", &token) < 0) {
        return -1;
    }
    if (max < 1 || max > PAGE_MAX) {
        return refuse(call, "InvalidParameterException", "maxResults must be between 1 and %d.",
                      PAGE_MAX);
    }
    if (token && !parse_token(token, page->after)) {
        return refuse(call, "InvalidParameterException", "Invalid token %.100s", token);
    }
    page->max = (size_t)max;
    return 0;
}

const char *page_after(const struct page *page)
{
    return page->after[0] ? page->after : NULL;
}

bool page_take(struct page *page, const char *key)
{
    if (page->n == page->max) {
        page->more = true;
        return false;
    }
    snprintf(page->last, sizeof(page->last), "%s", key);
    page->n++;
    return true;
}

void page_end(struct call *call, const struct page *page)
{
    char token[sizeof(TOKEN_PREFIX) + 2 * PAGE_KEY_MAX] = TOKEN_PREFIX;

    if (page->more) {
        crypto_hex((const uint8_t *)page->last, strlen(page->last), token + strlen(TOKEN_PREFIX));
        emit_text(&call->out, "nextToken", token);
    }
}
