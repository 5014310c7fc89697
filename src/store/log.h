/* The log: every change, in the order of revisions, for those who follow it. */
#ifndef BLOX_STORE_LOG_H
#define BLOX_STORE_LOG_H

#include "store/store.h"

struct log_entry {
    int64_t revision;
    int64_t at_ms;                     /* Redis' time of the commit */
    char commit_id[COMMIT_ID_LEN];     /* the commit this belongs to */
    bool epoch;                        /* an epoch entry: kind and key mean nothing, before_* do */
    int64_t before_revision;           /* the last revision before the epoch changed */
    char before_commit[COMMIT_ID_LEN]; /* and the commit it belonged to */
    enum kind kind;                    /* KIND_COUNT: one this program does not know */
    char *key;
    char *value; /* as stored: see value_parse; with `deleted` the last value */
    size_t value_len;
    char *old_fields; /* the field line before, when it differs; else NULL */
    bool deleted;
    char *cause;
    char *actor;
    int following; /* how many entries of the same commit come after this one */
};

struct log_batch {
    struct log_entry *entries;
    size_t n;
    bool trimmed; /* entries after `after` are gone: reload */
};

/* A follower's own connection. */
struct log_reader;
struct log_reader *log_reader_open(struct store *store, struct error *err) MUST_CHECK;
void log_reader_free(struct log_reader *reader);
AUTO_DEFINE(log_reader);

/* Waits up to wait_ms (0: does not wait) for entries after the revision, up to `max` of them; an
 * empty batch is a success. Once a second it also checks the server's identity (store.h). */
int log_read(struct log_reader *reader, int64_t after, int wait_ms, size_t max,
             struct log_batch *out, struct error *err) MUST_CHECK;
void log_batch_clear(struct log_batch *batch);
/* Ends a wait from another thread. */
void log_reader_wake(struct log_reader *reader);

/* 64 hexadecimal digits and a NUL: what page tokens are signed with. */
#define PAGE_KEY_HEX_LEN 65

/* Where the store stands, to begin a load with. */
struct log_position {
    int64_t revision; /* of the newest log entry */
    char commit_id[COMMIT_ID_LEN];
    int64_t epoch;  /* the revision of the newest epoch entry, which may be trimmed */
    int64_t now_ms; /* Redis' time */
    char page_key[PAGE_KEY_HEX_LEN];
};
int log_position(struct log_reader *reader, struct log_position *out, struct error *err) MUST_CHECK;
/* The revision which last changed each pair of kind and cluster, and Redis' time at which an event
 * last changed something in a cluster. */
struct changed_visitor {
    void (*changed)(void *ctx, enum kind kind, const char *cluster_arn, int64_t revision);
    void (*heard)(void *ctx, const char *cluster_arn, int64_t at_ms);
    void *ctx;
};
int log_changed(struct log_reader *reader, const struct changed_visitor *visitor,
                struct error *err) MUST_CHECK;

/* Where a revision which somebody remembers stands now. */
enum log_place {
    LOG_HELD,   /* its entry is there, and so is everything after it */
    LOG_NEXT,   /* it is not, but everything after it is */
    LOG_GONE,   /* entries after it are missing, or it was lost with the epoch before */
    LOG_FUTURE, /* no entry has come so far */
};
int log_find(struct store *store, int64_t revision, enum log_place *out,
             struct error *err) MUST_CHECK;

/* One HSCAN page of a kind, for loading a view: calls `each` per entity. *cursor starts at 0 and is
 * 0 again after the last page. */
int log_scan(struct log_reader *reader, enum kind kind, uint64_t *cursor,
             void (*each)(void *ctx, enum kind kind, const char *key, size_t key_len,
                          const char *value, size_t value_len),
             void *ctx, struct error *err) MUST_CHECK;

/* A stored value taken apart: `<revision> <version> <at_ms> <commit id>`, field line, body. */
struct stored_value {
    int64_t revision;
    int64_t at_ms;
    const char *version; /* not NUL-terminated: version_len bytes */
    size_t version_len;
    const char *commit_id; /* COMMIT_ID_LEN - 1 bytes */
    const char *fields;
    size_t fields_len;
    const char *body; /* body_len 0: a tombstone */
    size_t body_len;
};
/* Points into value; false when the value is damaged. The body is a JSON object on one line, as far
 * as its ends tell, or empty: a tombstone. */
bool value_parse(const char *value, size_t len, struct stored_value *out);
/* The same, whatever the body is: as the commit sees it. */
bool value_parse_head(const char *value, size_t len, struct stored_value *out);

#endif
