/* What readers ask of the view. */

#include "util/clock.h"
#include "util/mem.h"
#include "view/follow.h"

bool view_ready(struct view *view)
{
    return view_revision(view) > 0;
}

int64_t view_revision(struct view *view)
{
    pthread_mutex_lock(&view->told.lock);
    int64_t revision = view->told.revision;

    pthread_mutex_unlock(&view->told.lock);
    return revision;
}

int64_t view_age_ms(struct view *view)
{
    return clock_mono_ms() - atomic_load(&view->heard_ms);
}

int64_t view_now_ms(struct view *view)
{
    pthread_mutex_lock(&view->told.lock);
    int64_t now_ms = view->told.at_ms + clock_mono_ms() - view->told.since_ms;

    pthread_mutex_unlock(&view->told.lock);
    return now_ms;
}

/* ---- waiting ------------------------------------------------------------------------------- */

int view_wait(struct view *view, int64_t revision, int timeout_ms, struct error *err)
{
    int64_t until_ms = clock_mono_ms() + timeout_ms;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    int late = 0;

    pthread_mutex_lock(&view->told.lock);
    while (view->told.revision < revision && !late && !view->told.stop) {
        late = pthread_cond_timedwait(&view->told.news, &view->told.lock, &until);
    }
    int64_t reached = view->told.revision;

    pthread_mutex_unlock(&view->told.lock);
    if (reached >= revision) {
        return 0;
    }
    return error_set(err, ERR_UNAVAILABLE,
                     "the view stands at revision %lld and did not reach %lld in %d ms",
                     (long long)reached, (long long)revision, timeout_ms);
}

int view_catch_up(struct view *view, int timeout_ms, struct error *err)
{
    int64_t revision = 0;
    int64_t until_ms = clock_mono_ms() + timeout_ms;

    if (store_revision(view->store, &revision, err) < 0) {
        return -1;
    }
    int64_t left_ms = until_ms - clock_mono_ms();

    /* A view which has not been loaded is no answer, not even for an empty store. */
    return view_wait(view, revision > 0 ? revision : 1, left_ms > 0 ? (int)left_ms : 0, err);
}

/* ---- entities ------------------------------------------------------------------------------ */

struct entity *view_get(struct view *view, enum kind kind, const char *key)
{
    pthread_rwlock_rdlock(&view->lock);
    struct entity *entity = entities_get(view->set, kind, key);

    if (entity) {
        entity_ref(entity);
    }
    pthread_rwlock_unlock(&view->lock);
    return entity;
}

struct collecting {
    struct entity_list *out;
    size_t cap;
};

static void collect(void *ctx, struct entity *entity)
{
    struct collecting *c = ctx;

    if (c->out->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 16;
        c->out->items = xreallocarray(c->out->items, c->cap, sizeof(*c->out->items));
    }
    c->out->items[c->out->n++] = entity_ref(entity);
}

void view_list(struct view *view, enum kind kind, const char *cluster_arn, struct entity_list *out)
{
    struct collecting c = {.out = out};

    *out = (struct entity_list){0};
    pthread_rwlock_rdlock(&view->lock);
    c.cap = entities_count(view->set, kind, cluster_arn);
    out->items = c.cap ? xreallocarray(NULL, c.cap, sizeof(*out->items)) : NULL;
    out->revision = view->at.revision;
    entities_each(view->set, kind, cluster_arn, collect, &c);
    pthread_rwlock_unlock(&view->lock);
}

void view_list_prefix(struct view *view, enum kind kind, const char *prefix,
                      struct entity_list *out)
{
    struct collecting c = {.out = out};

    *out = (struct entity_list){0};
    pthread_rwlock_rdlock(&view->lock);
    out->revision = view->at.revision;
    entities_each_prefix(view->set, kind, prefix, collect, &c);
    pthread_rwlock_unlock(&view->lock);
}

struct visiting {
    void (*each)(void *ctx, const struct entity *entity);
    void *ctx;
};

static void visit(void *ctx, struct entity *entity)
{
    const struct visiting *v = ctx;

    v->each(v->ctx, entity);
}

void view_each(struct view *view, enum kind kind, const char *cluster_arn,
               void (*each)(void *ctx, const struct entity *entity), void *ctx)
{
    struct visiting v = {each, ctx};

    pthread_rwlock_rdlock(&view->lock);
    entities_each(view->set, kind, cluster_arn, visit, &v);
    pthread_rwlock_unlock(&view->lock);
}
