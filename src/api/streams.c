/* GET /v1/stream/...: where a stream is to begin, and what it shows. */
#include <errno.h>
#include <stdlib.h>

#include "api/api.h"
#include "api/hub.h"
#include "api/instance_query.h"
#include "store/log.h"
#include "util/mem.h"

#define STREAM_TYPE     "application/octet-stream"
#define OUT_OF_RANGE    "Entity version is out of range"
#define HEARTBEAT_S_MAX 3600

#define TOO_MANY_QUERIES   "Too many different queries are watched: try again later"
#define TOO_MANY_SNAPSHOTS "Too many snapshots are being read: try again later"

/* The parameters v0.3.0 did not have. Others that it did not have either are ignored, as then. */
static const char *const opt_in[] = {"after", "heartbeat", "deletes", "snapshot", "errors", NULL};

enum beginning {
    FROM_NOW,
    FROM_VERSION, /* inclusive */
    FROM_AFTER,   /* exclusive, and maybe in the future */
    FROM_SNAPSHOT,
};

struct stream_wish {
    enum beginning from;
    int64_t version;
    int heartbeat_ms;
    bool deletes;
    bool tells_end;
};

/* ---- parameters ------------------------------------------------------------------------------ */

/* As Go's ParseInt: decimal digits behind an optional sign. */
static bool parse_int64(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '+' || *text == '-');
    char *end = NULL;

    if (*digits < '0' || *digits > '9') {
        return false;
    }
    errno = 0;
    *out = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool parse_version(const char *text, int64_t *out)
{
    return parse_int64(text, out) && *out >= 0;
}

/* An empty value counts as none. */
static bool parse_flag(const struct query *query, const char *name, bool *out)
{
    const char *value = query_filter(query, name);

    *out = value && streq(value, "true");
    return !value || *out || streq(value, "false");
}

static bool is_repeated(const struct query *query, const char *name)
{
    int n = 0;

    for (size_t i = 0; i < query->n; i++) {
        n += streq(query->pairs[i].name, name);
    }
    return n > 1;
}

/* The text of the 400, or NULL. */
static const char *parse_beginning(const struct query *query, struct stream_wish *out)
{
    const char *version = query_filter(query, "entityVersion");
    const char *after = query_filter(query, "after");
    bool snapshot = false;

    if (version && !parse_version(version, &out->version)) {
        return "Invalid entity version";
    }
    bool inclusive = out->version > 0;

    if (after && !parse_version(after, &out->version)) {
        return "Invalid after: want an entity version";
    }
    if (!parse_flag(query, "snapshot", &snapshot)) {
        return "Invalid snapshot: want true or false";
    }
    if (inclusive + (after != NULL) + snapshot > 1) {
        return "Only one of entityVersion, after and snapshot can be given";
    }
    out->from = inclusive ? FROM_VERSION : after ? FROM_AFTER : snapshot ? FROM_SNAPSHOT : FROM_NOW;
    return NULL;
}

static const char *parse_wish(const struct query *query, struct stream_wish *out)
{
    const char *wrong = parse_beginning(query, out);
    const char *heartbeat = query_filter(query, "heartbeat");
    int64_t seconds = 0;

    if (wrong) {
        return wrong;
    }
    for (const char *const *name = opt_in; *name; name++) {
        if (is_repeated(query, *name)) {
            return "At least one of the filters provided is specified multiple times";
        }
    }
    if (heartbeat &&
        (!parse_int64(heartbeat, &seconds) || seconds < 1 || seconds > HEARTBEAT_S_MAX)) {
        return "Invalid heartbeat: want 1 to 3600 seconds";
    }
    out->heartbeat_ms = (int)seconds * 1000;
    if (!parse_flag(query, "deletes", &out->deletes)) {
        return "Invalid deletes: want true or false";
    }
    if (!parse_flag(query, "errors", &out->tells_end)) {
        return "Invalid errors: want true or false";
    }
    return NULL;
}

/* ---- positions ------------------------------------------------------------------------------- */

/* False: the query is too hard. */
static bool take_snapshot(struct api *api, struct stream_options *options)
{
    struct entity_list *list = &options->snapshot;
    const struct watch *watch = options->watch;
    int64_t steps = QUERY_STEPS_MAX;
    size_t n = 0;

    view_list(api->view, watch->rules->kind, watch->filters.cluster.arn, list);
    for (size_t i = 0; i < list->n; i++) {
        if (steps >= 0 && watch_shows(watch, list->items[i], &steps)) {
            list->items[n++] = list->items[i];
        } else {
            entity_free(list->items[i]);
        }
    }
    list->n = n;
    list->items = xreallocarray(list->items, n + 1, sizeof(*list->items));
    options->has_snapshot = true;
    options->after = list->revision;
    return steps >= 0;
}

/* A position which the client brings is compared with what Redis has: this worker's view may be
 * behind that, and then waits. *wrong when the log does not have what comes next. */
static int find_position(struct api *api, const struct stream_wish *wish, const char **wrong,
                         struct error *err)
{
    enum log_place place = LOG_GONE;

    if (log_find(api->store, wish->version, &place, err) < 0) {
        return -1;
    }
    bool valid = wish->from == FROM_VERSION ? place == LOG_HELD : place != LOG_GONE;

    *wrong = valid ? NULL : OUT_OF_RANGE;
    return 0;
}

/* *wrong: the text of the 400, or NULL. */
static int begin_at(struct api *api, const struct stream_wish *wish, const char **wrong,
                    struct stream_options *options, struct error *err)
{
    *wrong = NULL;
    options->heartbeat_ms = wish->heartbeat_ms;
    options->tells_end = wish->tells_end;
    switch (wish->from) {
    case FROM_NOW:
        options->after = view_revision(api->view);
        return 0;
    case FROM_SNAPSHOT:
        *wrong = take_snapshot(api, options) ? NULL : QUERY_TOO_HARD;
        return 0;
    case FROM_VERSION:
        options->after = wish->version - 1;
        return find_position(api, wish, wrong, err);
    case FROM_AFTER:
        options->after = wish->version;
        return find_position(api, wish, wrong, err);
    }
    return 0;
}

/* ---- the handlers ---------------------------------------------------------------------------- */

/* Another worker, or this one a little later, may take it. */
static int put_off(struct http_response *resp, const char *text)
{
    http_set_header(resp, "Retry-After", "1");
    return http_reply_text(resp, 503, "%s", text);
}

static int open_stream(struct api *api, const struct filter_rules *rules,
                       const struct http_request *req, struct http_response *resp,
                       struct error *err)
{
    struct stream_wish wish = {0};
    struct stream_options options = {0};
    AUTO(watch) *watch = NULL;
    const char *wrong = parse_wish(&req->query, &wish);
    AUTO_STRBUF unwatchable = {0};

    if (wrong) {
        return http_reply_text(resp, 400, "%s", wrong);
    }
    if (!watch_parse(rules, &req->query, wish.deletes, &watch, &unwatchable)) {
        return http_reply_text(resp, 400, "%s", unwatchable.text);
    }
    if (!hub_has_room(api->hub, watch)) {
        return put_off(resp, TOO_MANY_QUERIES);
    }
    options.watch = watch;
    options.grant = req->grant;
    if (begin_at(api, &wish, &wrong, &options, err) < 0) {
        return -1;
    }
    if (wrong) {
        entity_list_clear(&options.snapshot);
        return http_reply_text(resp, 400, "%s", wrong);
    }
    struct stream *stream = stream_new(api->hub, &options);

    if (!stream) {
        entity_list_clear(&options.snapshot);
        return put_off(resp, TOO_MANY_SNAPSHOTS);
    }
    watch = NULL; /* the stream's */
    reply_revision(resp, options.after);
    return http_reply_stream(resp, STREAM_TYPE, stream_begin, stream_release, stream);
}

int stream_tasks(struct api *api, const struct http_request *req, struct http_response *resp,
                 struct error *err)
{
    return open_stream(api, &task_filters, req, resp, err);
}

int stream_instances(struct api *api, const struct http_request *req, struct http_response *resp,
                     struct error *err)
{
    return open_stream(api, &instance_filters, req, resp, err);
}
