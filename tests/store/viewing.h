/* What the tests of the view share: a server with a store, a listener which counts, tasks. */
#ifndef BLOX_TEST_VIEWING_H
#define BLOX_TEST_VIEWING_H

#include <stdatomic.h>

#include "server.h"
#include "view/view.h"

struct fixture {
    struct server *server;
    struct store *store;
};
/* For cmocka: *state is a struct fixture. */
int set_up(void **state);
int tear_down(void **state);

/* What the listener heard. */
struct heard {
    atomic_int changed, committed, reloaded, epochs, troubles, recoveries, vanished;
    _Atomic int64_t epoch;
};
struct view_listener listener_of(struct heard *heard);

/* Waits until it is loaded. */
struct view *open_view(struct store *store, const struct view_options *options);
struct commit_op task_op(const char *key, const char *fields);
/* Commits; gives the last revision. */
int64_t put(struct store *store, const struct commit_op *ops, size_t n);
/* n tasks "<prefix>00000" and so on, in commits of up to 256. */
int64_t seed(struct store *store, const char *prefix, size_t n, const char *fields);
/* How many tasks the view lists. */
size_t count(struct view *view, const char *cluster_arn);

#endif
