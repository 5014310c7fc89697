/* A server with a store, and commits of tasks. */
#include "committing.h"

#include <stdlib.h>

#include "store/keys.h"
#include "util/mem.h"

int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->server = server_start();
    f->store = open_store(server_url(f->server));
    assert_ok(check_store(f->store, NULL), &(struct error){.text = "no meta"});
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

struct commit_op op_at(const char *key, const char *version)
{
    return (struct commit_op){.kind = KIND_TASK,
                              .key = key,
                              .version = version,
                              .fields = FIELDS,
                              .body = "{\"a\":1}",
                              .raw = "{\"raw\":1}"};
}

struct commit commit_of(const struct commit_op *ops, size_t n)
{
    struct commit commit = {.cause = "event", .ops = ops, .n_ops = n};

    commit_id_make(commit.id);
    return commit;
}

struct commit_result run(struct store *store, const struct commit *commit)
{
    struct commit_result result = {0};
    struct error err = {0};

    assert_ok(store_commit(store, commit, &result, &err), &err);
    return result;
}

struct commit_result put(struct store *store, const struct commit_op *ops, size_t n)
{
    struct commit commit = commit_of(ops, n);

    return run(store, &commit);
}

int64_t log_length(struct fixture *f)
{
    return server_number(f->server, "XLEN", KEY_LOG, NULL);
}
