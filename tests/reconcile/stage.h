/* What tests of the scheduler stand on: a reconciler's parts with a real Redis and the simulated
 * ECS. */
#ifndef BLOX_TESTS_STAGE_H
#define BLOX_TESTS_STAGE_H

#include "../store/server.h"

#include "reconcile/board.h"
#include "reconcile/consumer.h"
#include "reconcile/drift.h"
#include "reconcile/scheduler.h"
#include "store/lease.h"
#include "util/uuid.h"

#define CLUSTER      "arn:aws:ecs:us-east-1:123456789012:cluster/prod"
#define DEFINITION   "arn:aws:ecs:us-east-1:123456789012:task-definition/agent:1"
#define DEFINITION_2 "arn:aws:ecs:us-east-1:123456789012:task-definition/agent:2"

struct fixture {
    struct server *server;
    struct store *store;
    struct aws *aws;
    struct board *board;
    struct view *view;
    struct lease *lease;
    struct drift *drift;
    struct consumer *consumer;
    struct scheduler *scheduler;
    const char *definition; /* what is deployed next */
    char environment[UUID_LEN];
    char deployment[UUID_LEN];
};

/* Once more: set_up has done it, and a test has ended it. */
void open_scheduler(struct fixture *f);
/* Of each test: everything a reconciler has, with a Redis and a simulator of its own. */
int set_up(void **state);
int tear_down(void **state);
/* Without a lease, as the API would. */
void commit_all(struct fixture *f, const struct commit_op *ops, size_t n);
/* What the API would write: the environment, and a new deployment of f->definition. */
void deploy(struct fixture *f);
/* How many RUNNING tasks have this startedBy. */
size_t running(const char *started_by);
bool has_stopped(const char *arn);
/* How many of the operation ECS has got. */
int64_t calls(const char *operation);
bool has_status(struct fixture *f, const char *deployment, const char *want);
/* The first one there is, or NULL; the caller's. */
struct entity *some_placement(struct fixture *f);
bool placement_is(struct fixture *f, const char *state, const char *reason);
/* "1" stops all scheduling, "0" lets it go on. */
void freeze(struct fixture *f, const char *value);
/* A drift pass has seen the cluster. */
bool is_synced(struct fixture *f);

/* In the order of events: how many live at once at most on one instance, and how few run at least
 * once all ran. */
struct told {
    int most_on_one;
    int fewest_running;
};
struct told tell_history(int fleet);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
