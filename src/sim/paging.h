/* Pages of listings: maxResults, and tokens that name the last element of the page before. */
#ifndef BLOX_SIM_PAGING_H
#define BLOX_SIM_PAGING_H

#include "sim/answer.h"

#define PAGE_MAX     100 /* of every listing of ECS */
#define PAGE_KEY_MAX 512

struct page {
    size_t max;
    size_t n;
    bool more;                /* there was one beyond the page */
    char after[PAGE_KEY_MAX]; /* "": from the beginning */
    char last[PAGE_KEY_MAX];  /* the key of the latest element */
};

/* Reads maxResults (1 to 100) and nextToken. */
int page_read(struct call *call, struct page *page) MUST_CHECK;
/* The key after which to begin; NULL at the beginning. */
const char *page_after(const struct page *page);
/* True when the element belongs to the page; false once it is full: stop there. */
bool page_take(struct page *page, const char *key);
/* Writes nextToken when there is more. */
void page_end(struct call *call, const struct page *page);

#endif
