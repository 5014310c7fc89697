/*
 * The store: Redis, where every entity, the revision and the log live (docs/architecture.md, "The
 * store"). A struct store may be used by any number of threads: each call borrows a connection of
 * its own from a pool, and every call has the deadline the store was opened with.
 *
 * Errors of every call here: ERR_UNAVAILABLE (not reachable, late, loading, out of memory),
 * ERR_PROTOCOL, ERR_DENIED (Redis refused the password or the command).
 */
#ifndef BLOX_STORE_STORE_H
#define BLOX_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/kind.h"
#include "util/attr.h"
#include "util/error.h"

struct store_options {
    const char *url;       /* redis://[user:password@]host[:port][/db], rediss://..., unix:///path,
                              redis+sentinel://host:port,host:port/name */
    const char *ca_file;   /* PEM file for rediss://, or NULL for the system's */
    int timeout_ms;        /* of one command, connecting included; 100 to 60000 */
    int replicas;          /* how many replicas must have a durable commit; 0: do not wait */
    const char *client;    /* CLIENT SETNAME: the program's name */
    int64_t log_count_max; /* entries the log keeps; 0 means the default of 50,000 */
};

/* Connects to nothing yet. Errors: ERR_INVALID names the option that cannot be used. */
struct store *store_open(const struct store_options *options, struct error *err) MUST_CHECK;
void store_free(struct store *store);
AUTO_DEFINE(store);

/*
 * What a program checks once Redis answers: refuses (ERR_INVALID) an eviction policy other than
 * noeviction and a format number newer than STORE_FORMAT; writes meta where it is missing.
 * *warning is "" or a sentence worth logging (AOF is off).
 */
int store_check(struct store *store, char warning[256], struct error *err) MUST_CHECK;

/* The store-wide revision now: one round trip. */
int store_revision(struct store *store, int64_t *revision, struct error *err) MUST_CHECK;

/* Whether a commit would be taken now: one which writes nothing is refused like any other where
 * Redis is full, cannot write to its disk or misses its replicas. */
int store_check_writable(struct store *store, struct error *err) MUST_CHECK;

/* ---- commit -------------------------------------------------------------------------------- */

#define COMMIT_OPS_MAX   256
#define COMMIT_BYTES_MAX (1024 * 1024)
#define COMMIT_ID_LEN    33 /* 32 hexadecimal digits and a NUL */

/* Conditions of one operation, which may be combined. */
enum commit_condition {
    /* Else skipped as STALE: version above the stored one, tombstones included. */
    COMMIT_NEWER = 1,
    /* Else skipped: version above; or equal, with other raw JSON or fields (or SAME) and a stored
     * revision not above `since` (or STALE). */
    COMMIT_REFRESH = 2,
    /* Else skipped as CHANGED: the stored revision is `unchanged` (0: none). */
    COMMIT_UNCHANGED = 4,
    /* Else the whole commit is a conflict: the stored revision is `unchanged`. */
    COMMIT_REVISION = 8,
    /* Else the whole commit is a conflict: nothing there, or a tombstone. */
    COMMIT_ABSENT = 16,
};

/* All texts are borrowed. A commit names a (kind, key) at most once. */
struct commit_op {
    enum kind kind;
    const char *key;
    unsigned conditions;
    int64_t unchanged;   /* for UNCHANGED and REVISION */
    int64_t since;       /* for REFRESH: the revision at which the pass began */
    const char *version; /* canonical decimal; "0" where ECS has none */
    const char *fields;  /* as model/kind.h orders them */
    const char *body;    /* NULL deletes: a tombstone stays */
    const char *raw;     /* tasks and instances: canonical JSON of ECS' own form; else NULL */
};

struct commit {
    char id[COMMIT_ID_LEN];  /* see commit_id_make */
    const char *cause;       /* event, drift, scheduler, api, expired */
    const char *actor;       /* who, or NULL */
    const char *lease_token; /* fails unless this lease is the current one; NULL: none needed */
    bool acts;               /* it starts or stops something: fails while frozen */
    bool durable;            /* keep the result for repeats, and wait for the replicas */
    const struct commit_op *ops;
    size_t n_ops;
    const char *audit_environment; /* with it one audit entry is written; NULL: none */
    const char *audit_request;     /* request id or "" */
    const char *audit_api_request; /* the id it has where it comes from, or "" */
    const char *audit_what;        /* "create-environment", ... */
    const char *audit_before;      /* JSON or "" */
    const char *audit_after;
};

enum commit_outcome {
    COMMIT_DONE,     /* each operation has its own result */
    COMMIT_CONFLICT, /* a REVISION or ABSENT did not hold; nothing was written; see conflict_op */
    COMMIT_NO_LEASE, /* the lease is somebody else's; nothing was written */
    COMMIT_FROZEN,   /* the freeze stands in the way; nothing was written */
};

enum commit_op_result {
    COMMIT_APPLIED,
    COMMIT_STALE,   /* not newer: done, the message may be deleted */
    COMMIT_CHANGED, /* somebody else wrote meanwhile: read again, redo this one alone */
    COMMIT_SAME,    /* a refresh which changes nothing */
};

struct commit_result {
    enum commit_outcome outcome;
    size_t conflict_op;
    int64_t revision; /* the last one this commit took, or the store's when it took none */
    int64_t now_ms;   /* Redis' time */
    struct {
        enum commit_op_result result;
        int64_t revision; /* it took; 0 when skipped */
    } ops[COMMIT_OPS_MAX];
};

/* A new one, at random. */
void commit_id_make(char out[COMMIT_ID_LEN]);

/*
 * Applies all of it in one atomic step, or nothing. An epoch change is handled inside (the commit
 * is tried again under the new one). On -1 with ERR_UNAVAILABLE or ERR_PROTOCOL the commit is in
 * doubt; a durable one may be repeated with the same id and gets the first answer. ERR_INVALID:
 * over a limit, or a (kind, key) twice.
 */
int store_commit(struct store *store, const struct commit *commit, struct commit_result *result,
                 struct error *err) MUST_CHECK;

/* ---- reading single entities (by writers; readers have the view) --------------------------- */

struct stored {
    int64_t revision; /* 0: nothing there, not even a tombstone */
    int64_t at_ms;
    bool deleted; /* a tombstone: version and revision only */
    char *version;
    char *raw; /* tasks and instances, else NULL; NULL for a tombstone */
};

/* Reads n (1 to 256) entities of one kind with their raw form, value and raw of one revision. */
int store_read(struct store *store, enum kind kind, const char *const *keys, size_t n,
               struct stored *out, struct error *err) MUST_CHECK;
void stored_clear(struct stored *stored, size_t n);

/* The raw forms of n (1 to 256) tasks or instances as they are now, for answers in ECS' words: the
 * caller's texts in out, NULL where nothing is stored. */
int store_read_raw(struct store *store, enum kind kind, const char *const *keys, size_t n,
                   char **out, struct error *err) MUST_CHECK;

/* ---- requests that must not come twice ------------------------------------------------------- */

/* Notes for keep_s seconds that a request with this id came, signed with this key. *first: it had
 * not come before. On -1 it may or may not have been noted. */
int store_claim_request(struct store *store, const char *key_id, const char *request_id,
                        int64_t keep_s, bool *first, struct error *err) MUST_CHECK;

/* ---- upkeep, by the lease holder once a minute --------------------------------------------- */

/* Removes tombstones which were made before before_ms (Redis' time), the oldest first and a bounded
 * number a call; *gone is added to. 1: there may be more, 0: these were all, -1. */
int store_purge(struct store *store, const char *lease_token, int64_t before_ms, int64_t *gone,
                struct error *err) MUST_CHECK;
/* Trims log entries older than age_ms, never the newest commit. */
int store_trim_log(struct store *store, int64_t age_ms, struct error *err) MUST_CHECK;

#endif
