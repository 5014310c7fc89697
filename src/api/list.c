/* Pages and entity tags of lists. */
#include "api/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/etag.h"
#include "util/clock.h"
#include "util/crypto.h"

#define REPEATED      "At least one of the filters provided is specified multiple times"
#define BAD_SIZE      "Invalid maxResults: want 1 to 1000"
#define BAD_TOKEN     "Invalid nextToken"
#define EXPIRED_TOKEN "Invalid nextToken: it has expired, begin with the first page again"

enum list_step list_refuse(const struct list *list, const char *text, struct error *err)
{
    if (list->resp->problems) {
        error_set(err, ERR_INVALID, "%s", text);
        return LIST_FAILED;
    }
    http_reply_text(list->resp, 400, "%s", text);
    return LIST_ANSWERED;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static bool is_page_name(const char *name)
{
    return streq(name, "maxResults") || streq(name, "nextToken");
}

static bool is_known(const struct list_rules *rules, const char *name)
{
    for (const char *const *known = rules->names; *known; known++) {
        if (streq(name, *known)) {
            return true;
        }
    }
    return is_page_name(name);
}

static bool has_unknown(const struct list_rules *rules, const struct query *query)
{
    for (size_t i = 0; i < query->n; i++) {
        if (!is_known(rules, query->pairs[i].name)) {
            return true;
        }
    }
    return false;
}

static bool repeats_known(const struct list_rules *rules, const struct query *query)
{
    for (size_t i = 0; i < query->n; i++) {
        const char *name = query->pairs[i].name;

        if (is_known(rules, name) && query_first(query, name) != query->pairs[i].value) {
            return true;
        }
    }
    return false;
}

/* 1 to PAGE_ITEMS_MAX, as digits alone. */
static bool read_size(const char *text, size_t *out)
{
    size_t len = strlen(text);

    if (len > 4 || strspn(text, "0123456789") != len) {
        return false;
    }
    *out = strtoul(text, NULL, 10);
    return *out >= 1 && *out <= PAGE_ITEMS_MAX;
}

enum list_step list_open(struct api *api, const struct list_rules *rules,
                         const struct http_request *req, struct http_response *resp,
                         struct list *out, struct error *err)
{
    const char *size = query_filter(&req->query, "maxResults");

    *out = (struct list){.api = api, .req = req, .resp = resp, .rules = rules};
    if (rules->unsupported && has_unknown(rules, &req->query)) {
        return list_refuse(out, rules->unsupported, err);
    }
    if (repeats_known(rules, &req->query)) {
        return list_refuse(out, REPEATED, err);
    }
    if (size && !read_size(size, &out->max)) {
        return list_refuse(out, BAD_SIZE, err);
    }
    return LIST_GOES_ON;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

/* The list and its filters, each value behind its name, in the order of the rules. */
static void spell_scope(const struct list *list, const char *within, struct strbuf *out)
{
    strbuf_addf(out, "%s\n%s\n", list->rules->name, within);
    for (const char *const *name = list->rules->names; *name; name++) {
        const char *value = query_filter(&list->req->query, *name);

        if (value) {
            strbuf_addf(out, "%s=%zu:%s\n", *name, strlen(value), value);
        }
    }
}

/* Waits until the view has what the first page had: another worker may have made it. */
static enum list_step wait_for_first_page(struct list *list, struct error *err)
{
    struct view *view = list->api->view;
    int64_t stored = 0;

    if (view_revision(view) >= list->after.revision) {
        return LIST_GOES_ON;
    }
    if (store_revision(list->api->store, &stored, err) < 0) {
        return LIST_FAILED;
    }
    if (stored < list->after.revision) { /* it was lost */
        return list_refuse(list, EXPIRED_TOKEN, err);
    }
    return view_wait(view, list->after.revision, CATCH_UP_MS, err) < 0 ? LIST_FAILED : LIST_GOES_ON;
}

static enum list_step read_token(struct list *list, const uint8_t scope[PAGE_SCOPE_LEN],
                                 struct error *err)
{
    const char *text = query_filter(&list->req->query, "nextToken");
    char key[PAGE_KEY_HEX_LEN];

    if (text) {
        view_page_key(list->api->view, key);
        if (!page_token_read(text, key, &list->after) ||
            memcmp(list->after.scope, scope, PAGE_SCOPE_LEN) != 0) {
            return list_refuse(list, BAD_TOKEN, err);
        }
        list->follows = true;
        return wait_for_first_page(list, err);
    }
    memcpy(list->after.scope, scope, PAGE_SCOPE_LEN);
    return LIST_GOES_ON;
}

/* ---- entity tags ----------------------------------------------------------------------------- */

/* Where the store stood, and a hash of all that was asked for. */
static void make_etag(struct list *list, struct strbuf *asked)
{
    uint8_t hash[SHA256_LEN];
    char hex[2 * PAGE_SCOPE_LEN + 1];

    strbuf_addf(asked, "%zu %d %s\n%s", list->max, list->follows, list->after.major,
                list->after.minor);
    crypto_sha256(asked->text, asked->len, hash);
    crypto_hex(hash, PAGE_SCOPE_LEN, hex);
    snprintf(list->etag, sizeof(list->etag), "\"%" PRIx64 "-%" PRIx64 "-%s\"", list->stamp.epoch,
             list->stamp.changed, hex);
}

static struct view_stamp stamp_now(const struct list *list)
{
    return view_stamp(list->api->view, list->kinds, list->cluster.arn, list->cluster.name);
}

/* nginx sends a copy with the headers it had, so these must still do: X-Blox-Revision must be a
 * position that streams can go on from, and X-Blox-Age-Ms is not among them. */
static bool may_be_copy(const struct list *list)
{
    int64_t since =
        list->stamp.epoch > list->stamp.changed ? list->stamp.epoch : list->stamp.changed;

    return list->max == 0 && !list->follows &&
           view_revision(list->api->view) - since <= COPY_BEHIND_MAX &&
           view_age_ms(list->api->view) < AGE_SHOWN_MS;
}

static bool has_good_copy(const struct list *list)
{
    return streq(list->req->copy_etag, list->etag) && may_be_copy(list);
}

enum list_step list_begin(struct list *list, unsigned kinds, const struct cluster_filter *cluster,
                          const char *within, struct error *err)
{
    AUTO_STRBUF asked = {0};
    uint8_t scope[SHA256_LEN];

    list->kinds = kinds;
    list->cluster = *cluster;
    spell_scope(list, within, &asked);
    crypto_sha256(asked.text, asked.len, scope);
    enum list_step step = read_token(list, scope, err);

    if (step != LIST_GOES_ON) {
        return step;
    }
    list->stamp = stamp_now(list);
    if (!list->follows) {
        list->after.epoch = list->stamp.epoch;
    } else if (list->after.epoch != list->stamp.epoch) { /* writes may have been lost since */
        return list_refuse(list, EXPIRED_TOKEN, err);
    }
    make_etag(list, &asked);
    if (kinds == 0 ||
        !(etag_is_named(list->req->if_none_match, list->etag) || has_good_copy(list))) {
        return LIST_GOES_ON;
    }
    http_set_header(list->resp, "ETag", "%s", list->etag);
    http_reply_empty(list->resp, HTTP_NOT_MODIFIED, NULL);
    return LIST_ANSWERED;
}

/* ---- the answer ------------------------------------------------------------------------------ */

size_t list_wanted(const struct list *list)
{
    return list->max > 0 ? list->max + 1 : 0;
}

void list_finish(struct list *list, int64_t revision, bool more, const char *major,
                 const char *minor, struct strbuf *out)
{
    struct view_stamp now = stamp_now(list);

    reply_revision(list->resp, revision);
    list->tagged =
        list->kinds != 0 && now.epoch == list->stamp.epoch && now.changed == list->stamp.changed;
    if (list->tagged) {
        http_set_header(list->resp, "ETag", "%s", list->etag);
    }
    if (!more) {
        return;
    }
    struct page_token next = list->after;
    char key[PAGE_KEY_HEX_LEN];

    if (!list->follows) {
        next.revision = revision;
    }
    snprintf(next.major, sizeof(next.major), "%s", major);
    snprintf(next.minor, sizeof(next.minor), "%s", minor);
    view_page_key(list->api->view, key);
    strbuf_add_text(out, ",\"nextToken\":\"");
    page_token_make(&next, key, out);
    strbuf_add_char(out, '"');
}

/* To nginx an answer that expired in 1970 is one to keep, and to ask about each time. */
void list_offer_copy(struct list *list)
{
    if (list->req->may_be_copied && list->tagged && may_be_copy(list) &&
        copies_offer(&list->api->copies, list->etag, list->resp->body_len, clock_mono_ms())) {
        http_set_header(list->resp, "X-Accel-Expires", "@1");
    }
}
