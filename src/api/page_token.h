/* Page tokens: where a list goes on. Clients hand them back as they are; who has not the key can
 * neither make nor change one. */
#ifndef BLOX_API_PAGE_TOKEN_H
#define BLOX_API_PAGE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "util/strbuf.h"

#define PAGE_SCOPE_LEN 8    /* bytes of a hash of the list and its filters */
#define PAGE_PLACE_MAX 1024 /* bytes of either text of a place */
#define PAGE_TOKEN_MAX (2 * (2 * PAGE_PLACE_MAX + 64)) /* what is longer is no token */

struct page_token {
    uint8_t scope[PAGE_SCOPE_LEN]; /* a token of another list is refused */
    int64_t epoch;                 /* of the store when the first page was made */
    int64_t revision;              /* of the first page */
    char major[PAGE_PLACE_MAX];    /* the place, in the order of the list: behind these two */
    char minor[PAGE_PLACE_MAX];
};

/* Adds the token to out. The key is any text; both texts of the place fit. */
void page_token_make(const struct page_token *token, const char *key, struct strbuf *out);
/* False when the text is no token made with this key. */
bool page_token_read(const char *text, const char *key, struct page_token *out);

#endif
