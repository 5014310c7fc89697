/*
 * What all lists have in common: pages, entity tags, and 304 for who has it all already.
 *
 * A handler calls list_open, reads its filters, calls list_begin, collects behind `after` at most
 * `max` items, and list_finish before it writes the body.
 */
#ifndef BLOX_API_LIST_H
#define BLOX_API_LIST_H

#include "api/api.h"
#include "api/cluster_filter.h"
#include "api/page_token.h"

#define PAGE_ITEMS_MAX 1000

struct list_rules {
    const char *name;         /* tokens of one list are refused by others */
    const char *const *names; /* its filters; maxResults and nextToken come on top */
    const char *unsupported;  /* the text of the 400 for other parameters; NULL: they are ignored */
};

struct list {
    struct api *api;
    const struct http_request *req;
    struct http_response *resp;
    const struct list_rules *rules;
    size_t max;   /* items of this page; 0: all */
    bool follows; /* a page before this one: it begins behind after's place */
    struct page_token after;
    /* What it depends on, and how that stood at the beginning. */
    unsigned kinds;
    struct cluster_filter cluster;
    struct view_stamp stamp;
    char etag[COPY_TAG_LEN_MAX + 1];
    bool tagged; /* it has the tag: nothing changed while it was collected */
};

/* What a step of a list came to; LIST_FAILED: err says why. */
enum list_step { LIST_GOES_ON, LIST_ANSWERED, LIST_FAILED };

/* Which parameters there are, and how large a page is. */
enum list_step list_open(struct api *api, const struct list_rules *rules,
                         const struct http_request *req, struct http_response *resp,
                         struct list *out, struct error *err) MUST_CHECK;
/*
 * Reads the token and looks whether the client's copy is still good. `kinds` (VIEW_KIND) are those
 * the list depends on, in the clusters of the filter; 0 for one which changes all the time and has
 * no entity tag. `within` is what the list is a part of, or "".
 */
enum list_step list_begin(struct list *list, unsigned kinds, const struct cluster_filter *cluster,
                          const char *within, struct error *err) MUST_CHECK;
/* Refuses the request. */
enum list_step list_refuse(const struct list *list, const char *text, struct error *err) MUST_CHECK;
/* How many items to collect: one more than the page has, to see whether there are more. */
size_t list_wanted(const struct list *list);
/*
 * The entity tag goes into the answer if nothing has changed since list_begin; `revision` is the
 * view's before the first item was collected. With `more` items behind the place (major, minor) of
 * the page's last one, adds `,"nextToken":"..."` to out.
 */
void list_finish(struct list *list, int64_t revision, bool more, const char *major,
                 const char *minor, struct strbuf *out);

/* Before the answer with all its pieces is sent: whether nginx should keep a copy. */
void list_offer_copy(struct list *list);

#endif
