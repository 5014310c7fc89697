/* A server with a store, a listener which counts, and tasks to put there. */
#include "viewing.h"

#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"

int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->server = server_start("--appendonly", "yes", "--appendfsync", "always");
    f->store = open_store(server_url(f->server));
    *state = f;
    return 0;
}

int tear_down(void **state)
{
    struct fixture *f = *state;

    store_free(f->store);
    server_free(f->server);
    free(f);
    return 0;
}

/* ---- the listener -------------------------------------------------------------------------- */

static void on_changed(void *ctx, const struct entity *before, const struct entity *after)
{
    struct heard *heard = ctx;

    heard->changed++;
    (void)before;
    heard->vanished += !after;
}

static void on_committed(void *ctx, int64_t revision, int64_t at_ms)
{
    (void)revision;
    (void)at_ms;
    ((struct heard *)ctx)->committed++;
}

static void on_reloaded(void *ctx, int64_t revision)
{
    (void)revision;
    ((struct heard *)ctx)->reloaded++;
}

static void on_epoch(void *ctx, int64_t revision)
{
    ((struct heard *)ctx)->epochs++;
    ((struct heard *)ctx)->epoch = revision;
}

static void on_trouble(void *ctx, const struct error *why)
{
    if (why) {
        ((struct heard *)ctx)->troubles++;
    } else {
        ((struct heard *)ctx)->recoveries++;
    }
}

struct view_listener listener_of(struct heard *heard)
{
    return (struct view_listener){
        .changed = on_changed,
        .committed = on_committed,
        .reloaded = on_reloaded,
        .epoch = on_epoch,
        .trouble = on_trouble,
        .ctx = heard,
    };
}

struct view *open_view(struct store *store, const struct view_options *options)
{
    struct error err = {0};
    struct view *view = view_open(store, options, &err);

    assert_non_null(view);
    eventually(view_ready(view));
    return view;
}

struct commit_op task_op(const char *key, const char *fields)
{
    return (struct commit_op){.kind = KIND_TASK,
                              .key = key,
                              .version = "1",
                              .fields = fields,
                              .body = "{\"a\":1}",
                              .raw = "{}"};
}

int64_t put(struct store *store, const struct commit_op *ops, size_t n)
{
    struct commit commit = {.cause = "event", .ops = ops, .n_ops = n};
    struct commit_result result = {0};
    struct error err = {0};

    commit_id_make(commit.id);
    assert_ok(store_commit(store, &commit, &result, &err), &err);
    assert_int_equal(result.outcome, COMMIT_DONE);
    return result.revision;
}

int64_t seed(struct store *store, const char *prefix, size_t n, const char *fields)
{
    int64_t revision = 0;

    for (size_t done = 0; done < n;) {
        static struct commit_op ops[COMMIT_OPS_MAX];
        static char keys[COMMIT_OPS_MAX][64];
        size_t size = n - done < COMMIT_OPS_MAX ? n - done : COMMIT_OPS_MAX;

        for (size_t i = 0; i < size; i++) {
            snprintf(keys[i], sizeof(keys[i]), "%s%05zu", prefix, done + i);
            ops[i] = task_op(keys[i], fields);
        }
        revision = put(store, ops, size);
        done += size;
    }
    return revision;
}

size_t count(struct view *view, const char *cluster)
{
    AUTO_ENTITY_LIST list = {0};

    view_list(view, KIND_TASK, cluster, &list);
    return list.n;
}
