/* One holder at a time: handed over, killed, paused. */
#include "server.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/keys.h"
#include "store/lease.h"
#include "util/mem.h"

static int set_up(void **state)
{
    *state = server_start();
    return 0;
}

static int tear_down(void **state)
{
    server_free(*state);
    return 0;
}

struct heard {
    atomic_int taken, lost;
};

static void on_changed(void *ctx, bool held)
{
    struct heard *heard = ctx;

    if (held) {
        heard->taken++;
    } else {
        heard->lost++;
    }
}

static struct lease *open_lease(struct store *store, struct heard *heard)
{
    struct error err = {0};
    struct lease *lease = lease_open(store, "test", on_changed, heard, &err);

    assert_non_null(lease);
    return lease;
}

static void test_taken_renewed_and_handed_over(void **state)
{
    struct server *server = *state;
    struct heard one = {0};
    struct heard two = {0};
    char token[LEASE_TOKEN_LEN];
    AUTO(store) *store = open_store(server_url(server));
    struct lease *first = open_lease(store, &one);

    eventually(lease_held(first, token)); /* an absent one is taken at once */
    assert_int_equal(strlen(token), LEASE_TOKEN_LEN - 1);
    assert_true(lease_since_ms(first) > 0);
    AUTO(reply) *stored = server_call(server, "HGET", KEY_LEASE, "token", NULL);

    assert_string_equal(stored->text, token);
    AUTO(lease) *second = open_lease(store, &two);
    int64_t counter = server_number(server, "HGET", KEY_LEASE, "counter");

    clock_sleep_ms(LEASE_TAKE_MS + 1000); /* a lease which is renewed stays where it is */
    assert_true(lease_held(first, NULL));
    assert_false(lease_held(second, NULL));
    assert_int_equal(lease_since_ms(second), 0);
    assert_true(server_number(server, "HGET", KEY_LEASE, "counter") >= counter + 3);

    int64_t began_ms = clock_mono_ms();

    lease_free(first);
    eventually(two.taken == 1);
    assert_true(lease_held(second, NULL));
    /* Sooner than one that is only left alone: it was handed over. */
    assert_true(clock_mono_ms() - began_ms < LEASE_TAKE_MS - 2 * LEASE_RENEW_MS);
    assert_int_equal(one.taken, 1);
    assert_int_equal(one.lost, 1);
}

/* Redis is away: the holder drops the lease by its own clock. */
static void test_dropped_without_redis(void **state)
{
    struct server *server = *state;
    struct heard heard = {0};
    AUTO(store) *store = open_store(server_url(server));
    AUTO(lease) *lease = open_lease(store, &heard);

    eventually(lease_held(lease, NULL));
    server_signal(server, SIGSTOP);
    int64_t began_ms = clock_mono_ms();
    int64_t asked_ms = began_ms; /* when it last said that it is held */

    for (int64_t now_ms = began_ms; lease_held(lease, NULL); now_ms = clock_mono_ms()) {
        asked_ms = now_ms;
        clock_sleep_ms(5);
    }
    assert_true(asked_ms - began_ms <= LEASE_DROP_MS);
    assert_true(clock_mono_ms() - began_ms >= LEASE_DROP_MS / 2);
    eventually(heard.lost == 1);
    server_signal(server, SIGCONT);
}

/* A lease which somebody else overwrote is lost with the next renewal. */
static void test_lost_to_another_token(void **state)
{
    struct server *server = *state;
    struct heard heard = {0};
    AUTO(store) *store = open_store(server_url(server));
    AUTO(lease) *lease = open_lease(store, &heard);

    eventually(lease_held(lease, NULL));
    reply_free(server_call(server, "HSET", KEY_LEASE, "token", "another", NULL));
    eventually(heard.lost == 1);
    assert_false(lease_held(lease, NULL));
}

/* ---- holders in processes of their own ----------------------------------------------------- */

/* Says 'H' when it holds the lease; after a pause of more than two seconds 'P' when it still
 * believes so, 'L' when it knows better. */
static void holder(const char *url, int out)
{
    struct heard heard = {0};
    struct store *store = open_store(url);
    struct lease *lease = lease_open(store, "child", on_changed, &heard, NULL);
    bool said = false;

    for (int64_t last_ms = clock_mono_ms();;) {
        int64_t now_ms = clock_mono_ms();
        const char *word = NULL;

        if (now_ms - last_ms > 2000) { /* less may be the machine's load */
            word = lease_held(lease, NULL) ? "P" : "L";
        } else if (!said && lease_held(lease, NULL)) {
            word = "H";
            said = true;
        }
        if (word && write(out, word, 1) != 1) {
            _exit(1);
        }
        last_ms = now_ms;
        clock_sleep_ms(2);
    }
}

static pid_t start_holder(const char *url, int *in)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        holder(url, ends[1]);
    }
    close(ends[1]);
    *in = ends[0];
    char word = 0;

    assert_int_equal(read(*in, &word, 1), 1);
    assert_int_equal(word, 'H');
    return pid;
}

/* A candidate beside each holder: one is killed, one is paused. */
static void test_killed_and_paused_holders(void **state)
{
    struct server *server = *state;
    AUTO(server) *other = server_start();
    struct heard heard[2] = {{0}};
    int in[2];
    char word = 0;
    pid_t killed = start_holder(server_url(server), &in[0]);
    pid_t paused = start_holder(server_url(other), &in[1]);
    AUTO(store) *store = open_store(server_url(server));
    AUTO(store) *other_store = open_store(server_url(other));
    AUTO(lease) *lease = open_lease(store, &heard[0]);
    AUTO(lease) *other_lease = open_lease(other_store, &heard[1]);

    clock_sleep_ms(LEASE_RENEW_MS + 100); /* they have seen it move */
    int64_t began_ms = clock_mono_ms();

    kill(killed, SIGKILL);
    kill(paused, SIGSTOP);
    eventually(lease_held(lease, NULL));
    assert_in_range(clock_mono_ms() - began_ms, LEASE_TAKE_MS - 2 * LEASE_RENEW_MS,
                    2 * LEASE_TAKE_MS);
    eventually(lease_held(other_lease, NULL));
    kill(paused, SIGCONT);
    assert_int_equal(read(in[1], &word, 1), 1);
    assert_int_equal(word, 'L'); /* it knew before it asked anybody */
    kill(paused, SIGKILL);
    waitpid(killed, NULL, 0);
    waitpid(paused, NULL, 0);
    close(in[0]);
    close(in[1]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_killed_and_paused_holders), /* forks: before there are threads */
        TEST(test_taken_renewed_and_handed_over),
        TEST(test_dropped_without_redis),
        TEST(test_lost_to_another_token),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
