/* A follower's connection: the log's entries, pages of a kind, and where the store stands. */
#include "store/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "store/epoch.h"
#include "store/keys.h"
#include "store/pool.h"
#include "util/clock.h"
#include "util/mem.h"

#define IDENTITY_MS 1000  /* how often the server is asked who it is */
#define SCAN_COUNT  "500" /* entities a page, about */
#define NUMBER_LEN  24

struct log_reader {
    struct redis *redis;
    int wake_fd;
    int timeout_ms;
    int64_t checked_ms; /* when the server's identity was last looked at */
};

struct log_reader *log_reader_open(struct store *store, struct error *err)
{
    AUTO(log_reader) *reader = xcalloc(1, sizeof(*reader));

    reader->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (reader->wake_fd < 0) {
        error_set(err, ERR_INTERNAL, "eventfd: %s", strerror(errno));
        return NULL;
    }
    reader->timeout_ms = store_timeout_ms(store);
    reader->redis = store_connection(store, reader->wake_fd);
    return TAKE(reader);
}

void log_reader_free(struct log_reader *reader)
{
    if (!reader) {
        return;
    }
    redis_free(reader->redis);
    if (reader->wake_fd >= 0) {
        close(reader->wake_fd);
    }
    free(reader);
}

void log_reader_wake(struct log_reader *reader)
{
    uint64_t one = 1;
    ssize_t ignored = write(reader->wake_fd, &one, sizeof(one)); /* full: it is awake already */

    (void)ignored;
}

/* Whether somebody woke the reader; forgets it. */
static bool was_woken(struct log_reader *reader)
{
    uint64_t count = 0;

    return read(reader->wake_fd, &count, sizeof(count)) > 0;
}

/* ---- entries ------------------------------------------------------------------------------- */

/* The values of an entry, in the order the scripts write them; what is empty or 0 may be absent. */
enum field { AT, COMMIT, KIND, KEY, VALUE, CAUSE, DELETED, OLD, ACTOR, FOLLOWING, FIELDS };

static const char *const field_names[FIELDS] = {"at",    "commit",  "kind", "key",   "value",
                                                "cause", "deleted", "old",  "actor", "following"};

/* Takes [name, value, ...] apart in one go; an absent one is an empty text. */
static void read_fields(const struct reply *values, const struct reply *out[FIELDS])
{
    static const struct reply empty = {.type = REPLY_TEXT, .text = ""};
    int next = 0;

    for (int f = 0; f < FIELDS; f++) {
        out[f] = &empty;
    }
    for (size_t i = 0; i + 1 < values->n; i += 2) {
        const char *name = reply_text_at(values, i);
        const char *value = reply_text_at(values, i + 1);

        for (int tries = 0; name && value && tries < FIELDS; tries++) {
            int f = (next + tries) % FIELDS;

            if (streq(name, field_names[f])) {
                out[f] = values->items[i + 1];
                next = f + 1;
                break;
            }
        }
    }
}

static int64_t number_of(const struct reply *value)
{
    return strtoll(value->text, NULL, 10);
}

static char *copy_of(const struct reply *value)
{
    return xmemdup0(value->text, value->len);
}

static void copy_commit_id(const char *text, char out[COMMIT_ID_LEN])
{
    snprintf(out, COMMIT_ID_LEN, "%s", text);
}

/* "<revision> <commit id>": what was last before the epoch. */
static void read_before(const struct reply *value, struct log_entry *out)
{
    char *rest = NULL;

    out->before_revision = strtoll(value->text, &rest, 10);
    copy_commit_id(*rest == ' ' ? rest + 1 : "", out->before_commit);
}

/* [id, [name, value, ...]] */
static bool read_entry(const struct reply *reply, struct log_entry *out)
{
    const char *id = reply_text_at(reply, 0);
    const struct reply *values = reply_array_at(reply, 1);
    const struct reply *fields[FIELDS];

    if (!id || !values) {
        return false;
    }
    read_fields(values, fields);
    if (fields[KIND]->len == 0 || fields[COMMIT]->len == 0) {
        return false;
    }
    *out = (struct log_entry){.revision = strtoll(id, NULL, 10)};
    out->epoch = streq(fields[KIND]->text, "epoch");
    if (!out->epoch && !kind_parse(fields[KIND]->text, &out->kind)) {
        out->kind = KIND_COUNT; /* a newer program's */
    }
    out->at_ms = number_of(fields[AT]);
    out->following = (int)number_of(fields[FOLLOWING]);
    out->deleted = number_of(fields[DELETED]) == 1;
    copy_commit_id(fields[COMMIT]->text, out->commit_id);
    out->key = copy_of(fields[KEY]);
    out->cause = copy_of(fields[CAUSE]);
    out->actor = copy_of(fields[ACTOR]);
    out->old_fields = fields[OLD]->len > 0 ? copy_of(fields[OLD]) : NULL;
    out->value = copy_of(fields[VALUE]);
    out->value_len = fields[VALUE]->len;
    if (out->epoch) {
        read_before(fields[VALUE], out);
    }
    return true;
}

static void entry_clear(struct log_entry *entry)
{
    free(entry->key);
    free(entry->value);
    free(entry->old_fields);
    free(entry->cause);
    free(entry->actor);
}

void log_batch_clear(struct log_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        entry_clear(&batch->entries[i]);
    }
    free(batch->entries);
    *batch = (struct log_batch){0};
}

/* Takes what continues `after` without a gap; only an epoch entry may jump. What is behind a gap
 * is left for the next call, which then begins with it. */
static int take_entries(const struct reply *entries, int64_t after, struct log_batch *out,
                        struct error *err)
{
    struct log_batch batch = {.entries = xcalloc(entries->n + 1, sizeof(struct log_entry))};

    for (size_t i = 0; i < entries->n; i++) {
        struct log_entry *entry = &batch.entries[batch.n];

        if (!read_entry(entries->items[i], entry)) {
            log_batch_clear(&batch);
            return error_set(err, ERR_PROTOCOL, "the log holds an entry that is not ours");
        }
        batch.n++;
        if (!entry->epoch && entry->revision != after + 1) {
            batch.trimmed = batch.n == 1;
            break;
        }
        after = entry->revision;
    }
    *out = batch;
    return 0;
}

/* ---- reading ------------------------------------------------------------------------------- */

struct log_reading {
    struct log_reader *reader;
    int64_t after;
    int wait_ms;
    size_t max;
    struct log_batch *out;
};

/* XREAD gives [[key, entries]], or nil when nothing came. */
static int read_once(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    const struct log_reading *reading = ctx;
    struct log_reader *reader = reading->reader;
    int64_t now_ms = clock_mono_ms();
    char after[NUMBER_LEN];
    char max[NUMBER_LEN];
    char block[NUMBER_LEN];

    if (now_ms - reader->checked_ms >= IDENTITY_MS) {
        if (epoch_check_again(redis, deadline_ms, err) < 0) {
            return -1;
        }
        reader->checked_ms = now_ms;
    }
    snprintf(after, sizeof(after), "%" PRId64, reading->after);
    snprintf(max, sizeof(max), "%zu", reading->max);
    snprintf(block, sizeof(block), "%d", reading->wait_ms);
    AUTO(reply) *reply = reading->wait_ms > 0
                             ? redis_call(redis, deadline_ms, err, "XREAD", "COUNT", max, "BLOCK",
                                          block, "STREAMS", KEY_LOG, after, NULL)
                             : redis_call(redis, deadline_ms, err, "XREAD", "COUNT", max, "STREAMS",
                                          KEY_LOG, after, NULL);

    if (!reply) {
        return -1;
    }
    const struct reply *stream = reply_array_at(reply, 0);
    const struct reply *entries = stream ? reply_array_at(stream, 1) : NULL;

    return entries ? take_entries(entries, reading->after, reading->out, err) : 0;
}

int log_read(struct log_reader *reader, int64_t after, int wait_ms, size_t max,
             struct log_batch *out, struct error *err)
{
    struct log_batch batch = {0};
    int64_t until_ms = clock_mono_ms() + wait_ms;

    for (;;) {
        int64_t now_ms = clock_mono_ms();
        int64_t left_ms = until_ms - now_ms;
        int wait = (int)(left_ms < 0 ? 0 : left_ms < IDENTITY_MS ? left_ms : IDENTITY_MS);
        struct log_reading reading = {reader, after, wait, max, &batch};

        if (session_run(reader->redis, now_ms + wait + reader->timeout_ms, read_once, &reading,
                        err) < 0) {
            if (!was_woken(reader)) {
                return -1;
            }
            error_clear(err); /* the wait was ended, as it was asked to */
            *out = batch;
            return 0;
        }
        if (batch.n > 0 || left_ms <= wait || was_woken(reader)) {
            *out = batch;
            return 0;
        }
    }
}

/* ---- loading ------------------------------------------------------------------------------- */

/* The newest entry of the log; one which somebody removed leaves out as it is. */
static int read_newest(struct redis *redis, int64_t deadline_ms, struct log_position *out,
                       struct error *err)
{
    AUTO(reply) *last =
        redis_call(redis, deadline_ms, err, "XREVRANGE", KEY_LOG, "+", "-", "COUNT", "1", NULL);

    if (!last) {
        return -1;
    }
    const struct reply *entry = reply_array_at(last, 0);
    const struct reply *values = entry ? reply_array_at(entry, 1) : NULL;
    const struct reply *commit = values ? reply_field(values, "commit") : NULL;

    if (commit && reply_text_at(entry, 0)) {
        out->revision = strtoll(reply_text_at(entry, 0), NULL, 10);
        copy_commit_id(commit->text, out->commit_id);
    }
    return 0;
}

static int read_position(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct log_position *out = ctx;

    *out = (struct log_position){0};
    if (epoch_check_again(redis, deadline_ms, err) < 0) { /* there is meta, and with it a log */
        return -1;
    }
    AUTO(reply) *time = redis_call(redis, deadline_ms, err, "TIME", NULL);
    AUTO(reply) *revision = NULL;
    AUTO(reply) *meta = NULL;

    if (time) {
        revision = redis_call(redis, deadline_ms, err, "GET", KEY_REVISION, NULL);
    }
    if (revision) {
        meta = redis_call(redis, deadline_ms, err, "HMGET", KEY_META, "epoch", "page_key", NULL);
    }
    if (!meta) {
        return -1;
    }
    const char *seconds = reply_text_at(time, 0);
    const char *us = reply_text_at(time, 1);
    const char *epoch = reply_text_at(meta, 0);
    const char *page_key = reply_text_at(meta, 1);

    if (seconds && us) {
        out->now_ms = strtoll(seconds, NULL, 10) * 1000 + strtoll(us, NULL, 10) / 1000;
    }
    out->revision = revision->type == REPLY_TEXT ? strtoll(revision->text, NULL, 10) : 0;
    out->epoch = epoch ? strtoll(epoch, NULL, 10) : 0;
    snprintf(out->page_key, sizeof(out->page_key), "%s", page_key ? page_key : "");
    return read_newest(redis, deadline_ms, out, err);
}

int log_position(struct log_reader *reader, struct log_position *out, struct error *err)
{
    struct log_position position = {0};
    int64_t deadline_ms = clock_mono_ms() + reader->timeout_ms;

    if (session_run(reader->redis, deadline_ms, read_position, &position, err) < 0) {
        return -1;
    }
    *out = position;
    return 0;
}

struct finding {
    int64_t revision;
    enum log_place place;
};

/* The first entry from the revision on tells: entries are dense but for what epoch entries jump. */
static int find_entry(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    struct finding *finding = ctx;
    char from[NUMBER_LEN];
    struct log_entry entry = {0};

    snprintf(from, sizeof(from), "%" PRId64, finding->revision);
    AUTO(reply) *found =
        redis_call(redis, deadline_ms, err, "XRANGE", KEY_LOG, from, "+", "COUNT", "1", NULL);

    if (!found) {
        return -1;
    }
    const struct reply *first = reply_array_at(found, 0);

    if (!first) {
        finding->place = LOG_FUTURE;
        return 0;
    }
    if (!read_entry(first, &entry)) {
        return error_set(err, ERR_PROTOCOL, "the log holds an entry that is not ours");
    }
    if (entry.revision == finding->revision) {
        finding->place = LOG_HELD;
    } else if (entry.epoch ? entry.before_revision == finding->revision
                           : entry.revision == finding->revision + 1) {
        finding->place = LOG_NEXT;
    } else {
        finding->place = LOG_GONE;
    }
    entry_clear(&entry);
    return 0;
}

int log_find(struct store *store, int64_t revision, enum log_place *out, struct error *err)
{
    struct finding finding = {.revision = revision};

    if (store_run(store, find_entry, &finding, err) < 0) {
        return -1;
    }
    *out = finding.place;
    return 0;
}

/* "<kind> <cluster>" -> revision, "event <cluster>" -> ms */
static void visit_changed(const struct changed_visitor *visitor, const char *pair,
                          const char *number)
{
    const char *space = strchr(pair, ' ');
    AUTO_CHAR *name = space ? xmemdup0(pair, (size_t)(space - pair)) : NULL;
    enum kind kind;

    if (!name) {
        return;
    }
    if (streq(name, "event")) {
        visitor->heard(visitor->ctx, space + 1, strtoll(number, NULL, 10));
    } else if (kind_parse(name, &kind)) {
        visitor->changed(visitor->ctx, kind, space + 1, strtoll(number, NULL, 10));
    }
}

static int read_changed(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    AUTO(reply) *pairs = redis_call(redis, deadline_ms, err, "HGETALL", KEY_CHANGED, NULL);

    if (!pairs) {
        return -1;
    }
    for (size_t i = 0; i + 1 < pairs->n; i += 2) {
        const char *pair = reply_text_at(pairs, i);
        const char *number = reply_text_at(pairs, i + 1);

        if (pair && number) {
            visit_changed(ctx, pair, number);
        }
    }
    return 0;
}

int log_changed(struct log_reader *reader, const struct changed_visitor *visitor, struct error *err)
{
    struct changed_visitor copy = *visitor;

    return session_run(reader->redis, clock_mono_ms() + reader->timeout_ms, read_changed, &copy,
                       err);
}

struct scan {
    enum kind kind;
    uint64_t *cursor;
    void (*each)(void *ctx, enum kind kind, const char *key, size_t key_len, const char *value,
                 size_t value_len);
    void *ctx;
};

/* HSCAN gives [cursor, [key, value, ...]]. */
static int scan_once(struct redis *redis, int64_t deadline_ms, void *ctx, struct error *err)
{
    const struct scan *scan = ctx;
    char cursor[NUMBER_LEN];

    snprintf(cursor, sizeof(cursor), "%" PRIu64, *scan->cursor);
    AUTO(reply) *page = redis_call(redis, deadline_ms, err, "HSCAN", key_of_kind(scan->kind),
                                   cursor, "COUNT", SCAN_COUNT, NULL);

    if (!page) {
        return -1;
    }
    const char *next = reply_text_at(page, 0);
    const struct reply *pairs = reply_array_at(page, 1);

    if (!next || !pairs) {
        return error_set(err, ERR_PROTOCOL, "redis %s: HSCAN: no page", redis_address(redis));
    }
    for (size_t i = 0; i + 1 < pairs->n; i += 2) {
        const struct reply *key = pairs->items[i];
        const struct reply *value = pairs->items[i + 1];

        if (key->type == REPLY_TEXT && value->type == REPLY_TEXT) {
            scan->each(scan->ctx, scan->kind, key->text, key->len, value->text, value->len);
        }
    }
    *scan->cursor = strtoull(next, NULL, 10);
    return 0;
}

int log_scan(struct log_reader *reader, enum kind kind, uint64_t *cursor,
             void (*each)(void *ctx, enum kind kind, const char *key, size_t key_len,
                          const char *value, size_t value_len),
             void *ctx, struct error *err)
{
    struct scan scan = {kind, cursor, each, ctx};

    return session_run(reader->redis, clock_mono_ms() + reader->timeout_ms, scan_once, &scan, err);
}
