/* Two processes' drift, of which one holds the lease, with a real Redis and the simulator: wishes
 * reach whoever has to fulfil them. Nothing consumes events here: what is seen, drift has seen. */
#include "../store/server.h"
#include "sim.h"

#include <signal.h>
#include <stdlib.h>

#include "reconcile/drift.h"
#include "util/mem.h"

#define PLACE   "arn:aws:ecs:us-east-1:123456789012:"
#define CLUSTER PLACE "cluster/prod"
#define HOUR_MS 3600000

struct process {
    struct store *store;
    struct view *view;
    struct lease *lease;
    struct aws *aws;
    struct drift *drift;
};

struct world {
    struct server *server;
    struct process one, two;
};

static void begin_process(struct world *w, struct process *p, const char *name)
{
    struct error err = {0};
    const struct view_options view = {.without_bodies = true};
    const struct aws_options aws = {
        .region = "us-east-1", .endpoint = sim_url(), .user_agent = "test"};

    p->store = open_store(server_url(w->server));
    p->view = view_open(p->store, &view, &err);
    p->lease = lease_open(p->store, name, NULL, NULL, &err);
    p->aws = aws_open(&aws, &err);
    const struct drift_options drift = {.aws = p->aws,
                                        .store = p->store,
                                        .view = p->view,
                                        .lease = p->lease,
                                        .interval_ms = HOUR_MS};

    p->drift = drift_open(&drift, &err);
    if (err.code != ERR_NONE) {
        fail_msg("%s", err.text);
    }
}

static void end_process(struct process *p)
{
    drift_free(p->drift);
    lease_free(p->lease);
    view_free(p->view);
    aws_free(p->aws);
    store_free(p->store);
    *p = (struct process){0};
}

static int begin(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));

    w->server = server_start("--loglevel", "warning");
    sim_start("us-east-1", NULL);
    sim_do("POST", "/clusters", "{\"name\":\"prod\"}");
    begin_process(w, &w->one, "one");
    eventually(lease_held(w->one.lease, NULL));
    begin_process(w, &w->two, "two");
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;

    end_process(&w->one);
    end_process(&w->two);
    sim_stop();
    server_free(w->server);
    free(w);
    return 0;
}

static size_t n_instances(struct view *view)
{
    AUTO_ENTITY_LIST instances = {0};

    view_list(view, KIND_INSTANCE, CLUSTER, &instances);
    return instances.n;
}

static void add_instance(void)
{
    sim_do("POST", "/instances", "{\"cluster\":\"prod\"}");
}

static bool has_cluster(struct view *view, const char *arn)
{
    AUTO(entity) *cluster = view_get(view, KIND_CLUSTER, arn);

    return cluster != NULL;
}

static bool is_synced(struct view *view)
{
    return has_cluster(view, CLUSTER);
}

static int64_t passes(struct drift *drift)
{
    struct drift_stats stats;

    drift_stats(drift, &stats);
    return stats.passes;
}

static int64_t missed(struct drift *drift)
{
    struct drift_stats stats;

    drift_stats(drift, &stats);
    return stats.work.missed;
}

static void test_a_wish_reaches_the_holder(void **state)
{
    struct world *w = *state;
    struct drift_stats stats;

    eventually(is_synced(w->two.view));
    add_instance();
    clock_sleep_ms(500);
    assert_int_equal(n_instances(w->two.view), 0); /* nobody looked */
    drift_request(w->two.drift, CLUSTER);
    eventually(n_instances(w->two.view) == 1);
    eventually(missed(w->one.drift) == 1); /* counted when the pass is over */
    drift_stats(w->one.drift, &stats);
    assert_int_equal(stats.requests, 1);
    assert_int_equal(passes(w->two.drift), 0);
    eventually(server_number(w->server, "HLEN", "{blox}:reconcile", NULL) == 1); /* a tombstone */
}

static void test_a_wish_for_all_finds_new_clusters(void **state)
{
    struct world *w = *state;

    eventually(is_synced(w->two.view));
    sim_do("POST", "/clusters", "{\"name\":\"new\"}");
    drift_request(w->two.drift, NULL);
    eventually(passes(w->one.drift) >= 3);
    eventually(has_cluster(w->two.view, PLACE "cluster/new"));
}

/* A request of the holder itself, and one after its end, when the other takes over. */
static void test_the_next_holder_passes_everything(void **state)
{
    struct world *w = *state;

    eventually(is_synced(w->two.view));
    add_instance();
    drift_request(w->one.drift, CLUSTER);
    eventually(n_instances(w->two.view) == 1);
    add_instance();
    end_process(&w->one);
    eventually(lease_held(w->two.lease, NULL));
    eventually(n_instances(w->two.view) == 2);
}

/* While Redis is away a wish is kept; nothing else asks for the pass. */
static void test_a_wish_survives_an_outage(void **state)
{
    struct world *w = *state;

    eventually(is_synced(w->two.view));
    add_instance();
    server_signal(w->server, SIGSTOP);
    drift_request(w->two.drift, CLUSTER);
    clock_sleep_ms(1000); /* shorter than a lease lasts without Redis */
    server_signal(w->server, SIGCONT);
    eventually(n_instances(w->two.view) == 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_wish_reaches_the_holder),
        TEST(test_a_wish_for_all_finds_new_clusters),
        TEST(test_the_next_holder_passes_everything),
        TEST(test_a_wish_survives_an_outage),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
