/* What the tests of commits and of their upkeep share: a server with a store, and tasks. */
#ifndef BLOX_TEST_COMMITTING_H
#define BLOX_TEST_COMMITTING_H

#include "server.h"

#define KEY    "task/1"
#define FIELDS "arn:cluster/a\tRUNNING"

struct fixture {
    struct server *server;
    struct store *store;
};
/* For cmocka: *state is a struct fixture. */
int set_up(void **state);
int tear_down(void **state);

/* A task. */
struct commit_op op_at(const char *key, const char *version);
/* With a new id. */
struct commit commit_of(const struct commit_op *ops, size_t n);
/* Fails the test on an error. */
struct commit_result run(struct store *store, const struct commit *commit);
struct commit_result put(struct store *store, const struct commit_op *ops, size_t n);
int64_t log_length(struct fixture *f);

#endif
