/* What one stream is sent, and where it stands afterwards. */
#include "api/stream.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/metrics.h"

#define SCAN_MAX     8192 /* changes looked at in one turn */
#define BOOKMARK_LEN 80
#define END_LEN      256

static const struct {
    bool complete;
    const char *code;
    const char *text;
} ends[] = {
    [END_HANG_UP] = {.complete = false},
    [END_IDLE] = {true, "idle", "nothing changed for very long: connect again"},
    [END_STOPPING] = {true, "stopping", "this server stops: connect again"},
    [END_BEHIND] = {false, "behind",
                    "the changes after this version are no longer kept: list again"},
    [END_SLOW] = {false, "slow", "the snapshot took too long: use filters or pages"},
    [END_REVOKED] = {false, "revoked", "the key which opened this stream is no longer valid"},
};

const char *stream_end_name(enum stream_end why)
{
    return ends[why].code;
}

/* Of all streams in this process. Whoever reads none of his snapshots must not fill the memory. */
static atomic_size_t snapshot_entities;

static bool reserve_snapshot(size_t n)
{
    size_t before = atomic_fetch_add(&snapshot_entities, n);
    bool fits = n == 0 || before == 0 || before + n <= SNAPSHOT_ENTITIES_MAX;

    if (!fits) {
        atomic_fetch_sub(&snapshot_entities, n);
    }
    return fits;
}

struct stream *stream_new(struct hub *hub, struct stream_options *options)
{
    if (!reserve_snapshot(options->snapshot.n)) {
        return NULL;
    }
    struct stream *stream = xcalloc(1, sizeof(*stream));

    stream->hub = hub;
    stream->out.fd = -1;
    stream->watch = TAKE(options->watch);
    stream->after = options->after;
    stream->heartbeat_ms = options->heartbeat_ms;
    stream->tells_end = options->tells_end;
    stream->grant = options->grant;
    if (options->has_snapshot) {
        stream->snapshot = xcalloc(1, sizeof(*stream->snapshot));
        stream->snapshot->list = options->snapshot;
        options->snapshot = (struct entity_list){0};
    }
    return stream;
}

static void drop_snapshot(struct stream *stream)
{
    if (stream->snapshot) {
        atomic_fetch_sub(&snapshot_entities, stream->snapshot->list.n);
        entity_list_clear(&stream->snapshot->list);
        free(TAKE(stream->snapshot));
    }
}

void stream_free(struct stream *stream)
{
    if (!stream) {
        return;
    }
    drop_snapshot(stream);
    watch_free(stream->watch);
    fcgi_stream_close(&stream->out);
    free(stream);
}

void stream_release(void *stream)
{
    stream_free(stream);
}

int64_t stream_position(const struct stream *stream, const struct ring *ring)
{
    return stream->state == STREAM_LIVE && ring->head > stream->after ? ring->head : stream->after;
}

static void advance(struct stream *stream, int64_t revision)
{
    if (revision > stream->after) {
        stream->after = revision;
    }
}

static void note_sent(struct stream *stream, size_t n_lines, int64_t now_ms)
{
    stream->sent_ms = now_ms;
    metric_add(METRIC_STREAM_LINES, 0, n_lines);
}

/* ---- lines ----------------------------------------------------------------------------------- */

void lines_gather(struct lines *lines, const struct ring *ring, size_t i, int64_t start,
                  const struct watch *watch)
{
    size_t last = ring->n - i < SCAN_MAX ? ring->n : i + SCAN_MAX;

    lines->n = 0;
    lines->start = lines->end = start;
    for (; i < last && lines->n < LINES_MAX; i++) {
        struct transition *transition = ring_at(ring, i);

        lines->end = transition->revision;
        if (watch_line(watch, transition, &lines->iov[lines->n])) {
            lines->revisions[lines->n++] = transition->revision;
        }
    }
    lines->more = i < ring->n;
    if (!lines->more && ring->head > lines->end) {
        lines->end = ring->head;
    }
}

enum stream_state stream_send_lines(struct stream *stream, const struct lines *lines,
                                    int64_t now_ms)
{
    size_t first = 0;

    advance(stream, lines->start);
    while (first < lines->n && lines->revisions[first] <= stream->after) {
        first++;
    }
    ssize_t taken = fcgi_stream_write(&stream->out, &lines->iov[first], lines->n - first);

    if (taken < 0) {
        return STREAM_CLOSED;
    }
    if (taken > 0) {
        note_sent(stream, (size_t)taken, now_ms);
        advance(stream, lines->revisions[first + (size_t)taken - 1]);
    }
    if (first + (size_t)taken < lines->n) {
        return STREAM_BLOCKED;
    }
    advance(stream, lines->end);
    return fcgi_stream_is_blocked(&stream->out) ? STREAM_BLOCKED
           : lines->more                        ? STREAM_READY
                                                : STREAM_LIVE;
}

/* One line; blocked when it has not been taken at all, too. */
static enum stream_state send_line(struct stream *stream, const char *text, size_t len,
                                   int64_t now_ms, bool *taken)
{
    const struct iovec line = {(void *)(uintptr_t)text, len};
    ssize_t n = fcgi_stream_write(&stream->out, &line, 1);

    *taken = n == 1;
    if (n < 0) {
        return STREAM_CLOSED;
    }
    if (*taken) {
        note_sent(stream, 1, now_ms);
    }
    return *taken && !fcgi_stream_is_blocked(&stream->out) ? STREAM_READY : STREAM_BLOCKED;
}

enum stream_state stream_send_bookmark(struct stream *stream, int64_t revision, int64_t now_ms)
{
    char line[BOOKMARK_LEN];
    bool taken;
    int len = snprintf(line, sizeof(line),
                       "{\"metadata\":{\"entityVersion\":\"%" PRId64 "\"},\"bookmark\":true}\n",
                       revision);
    enum stream_state state = send_line(stream, line, (size_t)len, now_ms, &taken);

    if (taken) {
        advance(stream, revision);
        drop_snapshot(stream); /* with one, this was its end */
    }
    return state;
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

/* Some entities; each line is copied, because the newline is not the view's. */
static enum stream_state send_snapshot(struct stream *stream, int64_t now_ms)
{
    struct snapshot *snapshot = stream->snapshot;
    const struct entity_list *list = &snapshot->list;
    struct iovec lines[LINES_MAX];
    AUTO_STRBUF text = {0};
    size_t n = 0;

    if (snapshot->at == list->n) {
        return stream_send_bookmark(stream, list->revision, now_ms);
    }
    for (; n < LINES_MAX && snapshot->at + n < list->n; n++) {
        const struct entity *entity = list->items[snapshot->at + n];

        strbuf_add(&text, entity->text, entity->text_len);
        strbuf_add_char(&text, '\n');
        lines[n].iov_len = entity->text_len + 1;
    }
    char *at = text.text;

    for (size_t i = 0; i < n; i++) {
        lines[i].iov_base = at;
        at += lines[i].iov_len;
    }
    ssize_t taken = fcgi_stream_write(&stream->out, lines, n);

    if (taken < 0) {
        return STREAM_CLOSED;
    }
    for (ssize_t i = 0; i < taken; i++) {
        entity_free(TAKE(list->items[snapshot->at]));
        snapshot->at++;
    }
    if (taken > 0) {
        note_sent(stream, (size_t)taken, now_ms);
    }
    return (size_t)taken == n && !fcgi_stream_is_blocked(&stream->out) ? STREAM_READY
                                                                       : STREAM_BLOCKED;
}

/* ---- turns ----------------------------------------------------------------------------------- */

enum stream_state stream_turn(struct stream *stream, const struct ring *ring, int64_t now_ms)
{
    struct lines lines;

    if (fcgi_stream_write(&stream->out, NULL, 0) < 0) {
        return STREAM_CLOSED;
    }
    if (fcgi_stream_is_blocked(&stream->out)) {
        return STREAM_BLOCKED;
    }
    if (stream->ending) {
        return STREAM_CLOSED;
    }
    if (stream->snapshot) {
        return send_snapshot(stream, now_ms);
    }
    if (stream->after < ring->base) {
        return STREAM_REPLAYING;
    }
    lines_gather(&lines, ring, ring_find(ring, stream->after), stream->after, stream->topic->watch);
    return stream_send_lines(stream, &lines, now_ms);
}

/* The page's lines from the i-th change on; moves i behind them. */
static void gather_page(struct lines *lines, const struct stream *stream,
                        const struct replay_job *job, size_t *i)
{
    *lines = (struct lines){.start = stream->after, .end = stream->after};
    for (; *i < job->n && lines->n < LINES_MAX; (*i)++) {
        lines->end = job->items[*i]->revision;
        if (watch_line(stream->topic->watch, job->items[*i], &lines->iov[lines->n])) {
            lines->revisions[lines->n++] = lines->end;
        }
    }
}

/* What the client does not take of a page is dropped and read again: it costs no memory while the
 * client is slow. */
enum stream_state stream_send_page(struct stream *stream, const struct replay_job *job,
                                   const struct ring *ring, int64_t now_ms)
{
    struct lines lines;
    size_t i = 0;

    while (i < job->n) {
        gather_page(&lines, stream, job, &i);
        enum stream_state state = stream_send_lines(stream, &lines, now_ms);

        if (state != STREAM_LIVE) {
            return state;
        }
    }
    advance(stream, job->upto);
    /* Ahead of the log but not of the ring: Redis has lost something, and the view will say so. */
    return job->upto > job->after || stream->after >= ring->base ? STREAM_READY : STREAM_PAUSED;
}

/* A snapshot that has not been completed is no position to go on from. */
static int spell_end(const struct stream *stream, enum stream_end why, char line[END_LEN])
{
    char position[BOOKMARK_LEN] = "";

    if (!stream->snapshot) {
        snprintf(position, sizeof(position), "\"entityVersion\":\"%" PRId64 "\"", stream->after);
    }
    return snprintf(line, END_LEN, "{\"metadata\":{%s},\"error\":\"%s\",\"text\":\"%s\"}\n",
                    position, ends[why].code, ends[why].text);
}

enum stream_state stream_send_end(struct stream *stream, enum stream_end why)
{
    char line[END_LEN];
    bool taken = false;

    if (why == END_HANG_UP || (!ends[why].complete && !stream->tells_end)) {
        return STREAM_CLOSED; /* without the end of a response: nginx breaks the transfer off */
    }
    if (stream->tells_end) {
        int len = spell_end(stream, why, line);

        if (send_line(stream, line, (size_t)len, stream->sent_ms, &taken) == STREAM_CLOSED ||
            !taken) {
            return STREAM_CLOSED;
        }
    }
    if (fcgi_stream_finish(&stream->out) < 0 || !fcgi_stream_is_blocked(&stream->out)) {
        return STREAM_CLOSED;
    }
    stream->ending = true;
    return STREAM_BLOCKED;
}
