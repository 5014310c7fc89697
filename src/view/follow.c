/* The follower: loads the store, then applies its log, whole commits only. */
#include "view/follow.h"

#include <stdlib.h>
#include <time.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/metrics.h"

#define READ_MAX       (2 * COMMIT_OPS_MAX) /* entries at once: at least one whole commit */
#define WAIT_MS        1000
#define BACKOFF_MS_MIN 10
#define BACKOFF_MS_MAX 1000
#define DAMAGED_LINES  20 /* logged of one load, the rest is only counted */

/* What following came to. */
enum progress {
    FOLLOWED,
    RELOAD,  /* the log does not continue where this copy stands */
    TROUBLE, /* err says why */
};

/* A copy in the making, or the one in service. */
struct copy {
    struct entities *set;
    struct standing at;
    int64_t highest; /* the highest revision seen anywhere: with less it is not consistent */
    int64_t now_ms;  /* Redis' time when the load began, or of the last commit */
    char page_key[PAGE_KEY_HEX_LEN];
    struct view *view;
};

/* ---- telling ------------------------------------------------------------------------------- */

static void count_objects(const struct view *view, int64_t revision)
{
    metric_set(METRIC_VIEW_REVISION, 0, (double)revision);
    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        metric_set(METRIC_VIEW_OBJECTS, kind, (double)entities_count(view->set, kind, NULL));
    }
}

static void tell_waiters(struct view *view, int64_t revision, int64_t at_ms)
{
    count_objects(view, revision); /* only this thread changes the set */
    pthread_mutex_lock(&view->told.lock);
    view->told.revision = revision;
    view->told.at_ms = at_ms;
    view->told.since_ms = clock_mono_ms();
    pthread_cond_broadcast(&view->told.news);
    pthread_mutex_unlock(&view->told.lock);
}

static void tell_epoch(struct view *view, int64_t epoch)
{
    const struct view_listener *listener = view->options.listener;

    if (epoch == view->told_epoch) {
        return;
    }
    view->told_epoch = epoch;
    if (listener && listener->epoch) {
        listener->epoch(listener->ctx, epoch);
    }
}

static void tell_logged(struct view *view, const struct log_entry *entries, size_t n)
{
    const struct view_listener *listener = view->options.listener;

    if (listener && listener->logged) {
        listener->logged(listener->ctx, entries, n);
    }
}

static void tell_changes(struct view *view, const struct change *changes, size_t n,
                         const struct log_entry *last)
{
    const struct view_listener *listener = view->options.listener;

    if (!listener) {
        return;
    }
    for (size_t c = 0; c < n && listener->changed; c++) {
        if (changes[c].before || changes[c].after) {
            listener->changed(listener->ctx, changes[c].before, changes[c].after);
        }
    }
    if (listener->committed) {
        listener->committed(listener->ctx, last->revision, last->at_ms);
    }
}

/* A record which somebody else wrote, or half of one: left out, and counted. */
static void tell_damaged(struct view *view, enum kind kind, const char *key)
{
    metric_add(METRIC_VIEW_DAMAGED, kind, 1);
    if (view->damaged_lines++ < DAMAGED_LINES) {
        log_warn("view.damaged", "kind=%s key=\"%.500s\"", kind_name(kind), key);
    }
}

/* The first reason is often only that the connection ended; the true one comes after it. */
static void tell_trouble(struct view *view, const struct error *why)
{
    const struct view_listener *listener = view->options.listener;
    bool due = why ? log_is_due(&view->trouble, why->text, clock_mono_ms()) : *view->trouble.text;

    if (!why) {
        view->trouble = (struct log_repeat){0};
    }
    if (due && listener && listener->trouble) {
        listener->trouble(listener->ctx, why);
    }
}

/* ---- applying ------------------------------------------------------------------------------ */

static void step_to(struct standing *at, const struct log_entry *entry)
{
    at->revision = entry->revision;
    memcpy(at->commit_id, entry->commit_id, COMMIT_ID_LEN);
    if (entry->epoch) {
        at->epoch = entry->revision;
    }
}

/* Whether an epoch entry says that what stood before it is what we have. */
static bool continues(const struct standing *at, const struct log_entry *epoch)
{
    return at->revision == epoch->before_revision && streq(at->commit_id, epoch->before_commit);
}

/* How many entries the commit at the front has; 0 when the rest of it has not come. */
static size_t whole_commit(const struct log_entry *entries, size_t n)
{
    size_t size = entries[0].following < 0 ? 1 : (size_t)entries[0].following + 1;

    return size <= n ? size : 0;
}

static void check_commit(struct view *view, const struct log_entry *entries, size_t n)
{
    for (size_t e = 0; e < n; e++) {
        struct stored_value value = {0};

        if (!entries[e].epoch && entries[e].kind != KIND_COUNT &&
            !value_parse(entries[e].value, entries[e].value_len, &value)) {
            tell_damaged(view, entries[e].kind, entries[e].key);
        }
    }
}

/* One whole commit (or epoch entry) into the copy in service. */
static void serve_commit(struct view *view, const struct log_entry *entries, size_t n)
{
    struct change changes[COMMIT_OPS_MAX];
    const struct log_entry *last = &entries[n - 1];
    size_t n_changes = 0;

    pthread_rwlock_wrlock(&view->lock);
    for (size_t e = 0; e < n && n <= COMMIT_OPS_MAX; e++) {
        if (!entries[e].epoch) {
            entities_apply(view->set, &entries[e], &changes[n_changes++]);
        }
    }
    step_to(&view->at, last);
    pthread_rwlock_unlock(&view->lock);

    metric_add(METRIC_VIEW_CHANGES, 0, n_changes);
    if (last->epoch) {
        tell_epoch(view, last->revision);
    }
    tell_logged(view, entries, n);
    tell_changes(view, changes, n_changes, last);
    for (size_t c = 0; c < n_changes; c++) {
        change_clear(&changes[c]);
    }
    tell_waiters(view, last->revision, last->at_ms);
}

/* The same into a copy nobody reads yet. */
static void load_commit(struct copy *copy, const struct log_entry *entries, size_t n)
{
    for (size_t e = 0; e < n; e++) {
        struct change change = {0};

        if (!entries[e].epoch) {
            entities_apply(copy->set, &entries[e], &change);
        }
        change_clear(&change);
    }
    step_to(&copy->at, &entries[n - 1]);
}

/* Reads the log behind `at` once and applies the whole commits of it: to the copy, or with none to
 * the one in service. The last commit may be cut off by READ_MAX: it is read again, so nothing has
 * to be remembered between calls. */
static enum progress follow_once(struct view *view, struct copy *copy, int wait_ms, size_t *applied,
                                 struct error *err)
{
    const struct standing *at = copy ? &copy->at : &view->at; /* only this thread changes it */
    struct log_batch batch = {0};
    enum progress progress = FOLLOWED;

    *applied = 0;
    if (log_read(view->reader, at->revision, wait_ms, READ_MAX, &batch, err) < 0) {
        return TROUBLE;
    }
    atomic_store(&view->heard_ms, clock_mono_ms());
    metric_mark(METRIC_VIEW_AGE, 0);
    metric_mark(METRIC_LOOP_AGE, LOOP_FOLLOWER); /* a load takes many turns of this kind */
    if (batch.trimmed) {
        progress = RELOAD;
    }
    while (progress == FOLLOWED && *applied < batch.n) {
        const struct log_entry *first = &batch.entries[*applied];
        size_t size = whole_commit(first, batch.n - *applied);

        if (size == 0) {
            break;
        }
        if (first->epoch ? !continues(at, first) : first->revision != at->revision + 1) {
            progress = RELOAD;
            break;
        }
        check_commit(view, first, size);
        if (copy) {
            load_commit(copy, first, size);
        } else {
            serve_commit(view, first, size);
        }
        *applied += size;
    }
    log_batch_clear(&batch);
    return progress;
}

/* ---- loading ------------------------------------------------------------------------------- */

static void add_scanned(void *ctx, enum kind kind, const char *key, size_t key_len,
                        const char *value, size_t value_len)
{
    struct copy *copy = ctx;
    struct stored_value parsed = {0};

    if (!value_parse(value, value_len, &parsed)) {
        tell_damaged(copy->view, kind, key);
        return;
    }
    if (parsed.revision > copy->highest) {
        copy->highest = parsed.revision;
    }
    entities_add(copy->set, kind, key, key_len, &parsed);
}

static void add_changed(void *ctx, enum kind kind, const char *cluster_arn, int64_t revision)
{
    struct copy *copy = ctx;

    if (revision > copy->highest) {
        copy->highest = revision;
    }
    entities_set_changed(copy->set, kind, cluster_arn, revision);
}

static void add_heard(void *ctx, const char *cluster_arn, int64_t at_ms)
{
    struct copy *copy = ctx;

    entities_set_heard(copy->set, cluster_arn, at_ms);
}

static bool stop_asked(struct view *view)
{
    pthread_mutex_lock(&view->told.lock);
    bool stop = view->told.stop;

    pthread_mutex_unlock(&view->told.lock);
    return stop;
}

/* Applies what the log has by now. */
static enum progress follow_all(struct view *view, struct copy *copy, struct error *err)
{
    size_t applied = 0;
    enum progress progress = FOLLOWED;

    do {
        progress = follow_once(view, copy, 0, &applied, err);
    } while (progress == FOLLOWED && applied > 0);
    return progress;
}

/* Pages of every kind, and between them the log: what a page shows is never older than what the log
 * has said before, so the higher revision is right for each key. */
static enum progress scan_all(struct view *view, struct copy *copy, struct error *err)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        uint64_t cursor = 0;

        do {
            if (log_scan(view->reader, (enum kind)kind, &cursor, add_scanned, copy, err) < 0) {
                return TROUBLE;
            }
            enum progress progress = follow_all(view, copy, err);

            if (progress != FOLLOWED) {
                return progress;
            }
        } while (cursor != 0 && !stop_asked(view));
    }
    return FOLLOWED;
}

/* A consistent copy of the store: scanned, and its log followed past all that the scan showed. */
static enum progress load(struct view *view, struct copy *copy, struct error *err)
{
    struct log_position position = {0};

    if (log_position(view->reader, &position, err) < 0) {
        return TROUBLE;
    }
    copy->at = (struct standing){.revision = position.revision, .epoch = position.epoch};
    memcpy(copy->at.commit_id, position.commit_id, COMMIT_ID_LEN);
    copy->highest = position.revision;
    copy->now_ms = position.now_ms;
    memcpy(copy->page_key, position.page_key, sizeof(copy->page_key));
    const struct changed_visitor visitor = {add_changed, add_heard, copy};

    if (log_changed(view->reader, &visitor, err) < 0) {
        return TROUBLE;
    }
    enum progress progress = scan_all(view, copy, err);

    while (progress == FOLLOWED && copy->at.revision < copy->highest && !stop_asked(view)) {
        size_t applied = 0;

        progress = follow_once(view, copy, WAIT_MS, &applied, err);
    }
    return progress;
}

/* Puts a loaded copy into service; takes its set. */
static void serve_copy(struct view *view, struct copy *copy)
{
    const struct view_listener *listener = view->options.listener;

    pthread_rwlock_wrlock(&view->lock);
    struct entities *old = view->set;

    view->set = TAKE(copy->set);
    view->at = copy->at;
    memcpy(view->page_key, copy->page_key, sizeof(view->page_key));
    pthread_rwlock_unlock(&view->lock);
    entities_free(old);
    metric_add(METRIC_VIEW_LOADS, 0, 1);
    tell_epoch(view, copy->at.epoch);
    if (listener && listener->reloaded) {
        listener->reloaded(listener->ctx, copy->at.revision);
    }
    tell_waiters(view, copy->at.revision, copy->now_ms);
}

static enum progress reload(struct view *view, struct error *err)
{
    view->damaged_lines = 0;
    struct copy copy = {.view = view, .set = entities_new(view->options.without_bodies)};
    enum progress progress = load(view, &copy, err);

    if (progress == FOLLOWED && !stop_asked(view)) {
        serve_copy(view, &copy);
    }
    entities_free(copy.set);
    return progress;
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* Sleeps, but not through a stop. */
static void pause_ms(struct view *view, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int late = 0;

    pthread_mutex_lock(&view->told.lock);
    while (!view->told.stop && !late) {
        late = pthread_cond_timedwait(&view->told.news, &view->told.lock, &until);
    }
    pthread_mutex_unlock(&view->told.lock);
}

static void *run(void *arg)
{
    struct view *view = arg;
    int64_t backoff_ms = BACKOFF_MS_MIN;
    bool loaded = false;

    while (!stop_asked(view)) {
        struct error why = {0};
        size_t applied = 0;

        metric_mark(METRIC_LOOP_AGE, LOOP_FOLLOWER);
        enum progress progress =
            loaded ? follow_once(view, NULL, WAIT_MS, &applied, &why) : reload(view, &why);

        if (stop_asked(view)) {
            break; /* it ends a wait for Redis, which says nothing of Redis */
        }
        if (progress == FOLLOWED) {
            loaded = true;
            backoff_ms = BACKOFF_MS_MIN;
            tell_trouble(view, NULL);
            continue;
        }
        if (progress == RELOAD && loaded) {
            loaded = false; /* at once; while it loads, readers are served what there was */
            continue;
        }
        if (progress == TROUBLE) {
            tell_trouble(view, &why);
        }
        pause_ms(view, backoff_ms);
        backoff_ms = 2 * backoff_ms < BACKOFF_MS_MAX ? 2 * backoff_ms : BACKOFF_MS_MAX;
    }
    return NULL;
}

static void init_locks(struct view *view)
{
    pthread_rwlockattr_t writers_first;
    pthread_condattr_t monotonic;

    pthread_rwlockattr_init(&writers_first);
    pthread_rwlockattr_setkind_np(&writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&view->lock, &writers_first);
    pthread_rwlockattr_destroy(&writers_first);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&view->told.news, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&view->told.lock, NULL);
}

struct view *view_open(struct store *store, const struct view_options *options, struct error *err)
{
    AUTO(view) *view = xcalloc(1, sizeof(*view));

    init_locks(view);
    view->store = store;
    view->options = *options;
    view->set = entities_new(options->without_bodies);
    view->told.since_ms = clock_mono_ms();
    atomic_store(&view->heard_ms, clock_mono_ms());
    view->reader = log_reader_open(store, err);
    if (!view->reader) {
        return NULL;
    }
    if (pthread_create(&view->follower, NULL, run, view) != 0) {
        error_set(err, ERR_INTERNAL, "cannot start the thread of the view");
        return NULL;
    }
    view->started = true;
    return TAKE(view);
}

void view_free(struct view *view)
{
    if (!view) {
        return;
    }
    if (view->started) {
        pthread_mutex_lock(&view->told.lock);
        view->told.stop = true;
        pthread_cond_broadcast(&view->told.news);
        pthread_mutex_unlock(&view->told.lock);
        log_reader_wake(view->reader);
        pthread_join(view->follower, NULL);
    }
    log_reader_free(view->reader);
    entities_free(view->set);
    pthread_cond_destroy(&view->told.news);
    pthread_mutex_destroy(&view->told.lock);
    pthread_rwlock_destroy(&view->lock);
    free(view);
}
