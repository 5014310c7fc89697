/*
 * The view: what this process knows, a consistent copy of the store at one revision. A follower
 * thread loads it and then applies the log, whole commits only. Entities are immutable and
 * reference-counted; readers hold the lock only while they collect references.
 */
#ifndef BLOX_VIEW_VIEW_H
#define BLOX_VIEW_VIEW_H

#include "model/kind.h"
#include "store/log.h"
#include "store/store.h"

struct entity {
    enum kind kind;
    int64_t revision; /* of its last change: the API's entityVersion */
    int64_t at_ms;    /* Redis' time of that change */
    const char *key;
    const char *version; /* ECS' own */
    /* Ready for the wire; NULL in a view without bodies. Tasks and instances:
     * `{"entity":<body>,"metadata":{"entityVersion":"<revision>"}}`; else the body. The byte
     * before it is a comma, for lists. */
    const char *text;
    size_t text_len;
    const char *fields[FIELDS_MAX];
};

/* A field by its name in model/kind.h, "" when it has none. */
const char *entity_field(const struct entity *entity, int field);
/* The same as a number; 0 when it is none. */
int64_t entity_field_int(const struct entity *entity, int field);

struct entity *entity_ref(struct entity *entity);
void entity_free(struct entity *entity); /* drops one reference; NULL is fine */
AUTO_DEFINE(entity);

struct entity_list {
    struct entity **items; /* each a reference */
    size_t n;
    int64_t revision; /* the view's when the list was taken */
};
void entity_list_clear(struct entity_list *list);
#define AUTO_ENTITY_LIST __attribute__((cleanup(entity_list_clear))) struct entity_list

struct log_entry; /* store/log.h */

/*
 * Who wants to hear of changes; each function may be NULL. Called by the follower thread with no
 * lock held, once a whole commit has been applied, in order; keep it short and take references
 * where needed. view_wait returns after the listener has heard of the revision: never hold a lock
 * the listener takes while waiting.
 * After `reloaded` (also the first load) everything may have changed: list again. `epoch` is called
 * before `reloaded` or before the changes since, the first load included: clusters which no drift
 * pass begun after that revision has covered are not to be acted on.
 */
struct view_listener {
    /* Either may be NULL: it appeared, it is gone. */
    void (*changed)(void *ctx, const struct entity *before, const struct entity *after);
    /* The whole commit (or epoch entry) as the log has it, before `changed`; borrowed. */
    void (*logged)(void *ctx, const struct log_entry *entries, size_t n);
    /* The commit is complete. */
    void (*committed)(void *ctx, int64_t revision, int64_t at_ms);
    void (*reloaded)(void *ctx, int64_t revision);
    /* Writes may have been lost. */
    void (*epoch)(void *ctx, int64_t revision);
    /* Redis is away: told for each reason, again while it lasts (log_is_due); NULL: it is back. */
    void (*trouble)(void *ctx, const struct error *why);
    void *ctx;
};

struct view_options {
    bool without_bodies;                  /* text stays NULL: the reconciler needs none */
    const struct view_listener *listener; /* kept; or NULL */
};

/* Starts the follower, which retries for ever; store must outlive the view. */
struct view *view_open(struct store *store, const struct view_options *options,
                       struct error *err) MUST_CHECK;
void view_free(struct view *view);
AUTO_DEFINE(view);

bool view_ready(struct view *view); /* the first load is done */
int64_t view_revision(struct view *view);
/* Milliseconds since the follower last heard from Redis; 0 to 1000 or so in health. */
int64_t view_age_ms(struct view *view);
/* The last commit's Redis time plus the local monotonic time since it was applied. */
int64_t view_now_ms(struct view *view);

/* Waits until the view stands at the revision or beyond it. ERR_UNAVAILABLE after timeout_ms. */
int view_wait(struct view *view, int64_t revision, int timeout_ms, struct error *err) MUST_CHECK;
/* Read your writes: asks Redis for its revision and waits for it. */
int view_catch_up(struct view *view, int timeout_ms, struct error *err) MUST_CHECK;

/* NULL when there is none (or a tombstone). */
struct entity *view_get(struct view *view, enum kind kind, const char *key) MUST_CHECK;
/* All entities of a kind in one cluster (ARN), or in all (NULL): clusters in order of ARN, entities
 * in order of key. */
void view_list(struct view *view, enum kind kind, const char *cluster_arn, struct entity_list *out);
/* Those whose key begins with prefix, in order of key, all clusters: deployments and placements of
 * one environment. */
void view_list_prefix(struct view *view, enum kind kind, const char *prefix,
                      struct entity_list *out);
/* By what entities are found without looking at all of them. Statuses in any case. */
enum view_index {
    BY_STATUS,         /* lastStatus of tasks, status of instances */
    BY_DESIRED_STATUS, /* tasks */
    BY_STARTED_BY,     /* tasks */
    BY_FAMILY,         /* tasks: the family of their definition */
    BY_INSTANCE,       /* tasks: the id of their container instance, the end of its ARN */
    BY_EC2_ID,         /* instances */
};

/* Those of a kind in one cluster which have the value, in no order. */
void view_list_by(struct view *view, enum kind kind, const char *cluster_arn, enum view_index by,
                  const char *value, struct entity_list *out);
size_t view_count_by(struct view *view, enum kind kind, const char *cluster_arn, enum view_index by,
                     const char *value);
size_t view_count(struct view *view, enum kind kind, const char *cluster_arn);

#define SELECTION_HINTS_MAX 8

/* What a list asks for; all of it borrowed. */
struct selection {
    enum kind kind;
    const char *cluster_arn;  /* of this cluster, ... */
    const char *cluster_name; /* ... of clusters called so, or, both NULL, of all */
    struct selection_hint {   /* only those with one of n values: `matches` says so, too */
        enum view_index by;
        const char *const *values;
        size_t n;
    } hints[SELECTION_HINTS_MAX];
    size_t n_hints;
    bool (*matches)(void *ctx, const struct entity *entity); /* quick: the view is locked */
    void *ctx;
    const char *after_cluster; /* begin behind this cluster (ARN) and key, in view_list's order; */
    const char *after_key;     /* NULL: at the beginning */
    size_t max;                /* 0: all */
};
/*
 * The selected ones in view_list's order; out's revision is the view's when it began. What is large
 * is taken in parts, between which the view goes on: an entity which is there all the time is in
 * the list once. Compare view_stamp before and after for a list of one moment.
 */
void view_select(struct view *view, const struct selection *selection, struct entity_list *out);

/* Two equal stamps: nothing of these kinds changed in these clusters in between, nor is it unknown
 * whether. The same in every process. */
struct view_stamp {
    int64_t epoch;
    int64_t changed;
};
#define VIEW_KIND(kind) (1u << (kind)) /* kinds are a set of these */
struct view_stamp view_stamp(struct view *view, unsigned kinds, const char *cluster_arn,
                             const char *cluster_name);
/* Calls `each` with the ARN of every cluster of which something is known, in their order. */
void view_clusters(struct view *view, void (*each)(void *ctx, const char *cluster_arn), void *ctx);
/* Redis' time at which an event last changed something in the cluster; 0: never. */
int64_t view_heard_ms(struct view *view, const char *cluster_arn);
/* What page tokens are signed with, the same in every process. */
void view_page_key(struct view *view, char out[PAGE_KEY_HEX_LEN]);

/* Visits each entity under the lock, without references: for counting. `each` must not call the
 * view. */
void view_each(struct view *view, enum kind kind, const char *cluster_arn,
               void (*each)(void *ctx, const struct entity *entity), void *ctx);

#endif
