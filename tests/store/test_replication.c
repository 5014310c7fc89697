/* Replicas, and who a server is: what survives a failover, and what begins an epoch. */
#include "server.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "store/keys.h"
#include "util/mem.h"

static void follow(struct server *replica, const struct server *primary)
{
    char port[16];

    snprintf(port, sizeof(port), "%d", server_port(primary));
    reply_free(server_call(replica, "REPLICAOF", "127.0.0.1", port, NULL));
}

static bool info_says(struct server *server, const char *words)
{
    AUTO(reply) *info = server_call(server, "INFO", "replication", NULL);

    return strstr(info->text, words) != NULL;
}

#define REPLICATED "--port", "PORT", "--bind", "127.0.0.1", "--repl-diskless-sync-delay", "0"

static void test_durable_commits_wait_for_a_replica(void **state)
{
    (void)state;
    AUTO(server) *primary = server_start(REPLICATED);
    AUTO(server) *replica = server_start(REPLICATED);
    AUTO(store) *store = open_with(server_url(primary), NULL, 1);
    AUTO(store) *impatient = open_impatient(server_url(primary), NULL, 1);
    struct error err = {0};

    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    assert_int_equal(put_body(impatient, "t", "{}", true, &err), -1); /* nobody to confirm it */
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "in doubt"));
    error_clear(&err);
    follow(replica, primary);
    eventually(info_says(primary, "state=online"));
    assert_ok(put_body(store, "t2", "{}", true, &err), &err);
    assert_int_equal(server_number(replica, "HEXISTS", key_of_kind(KIND_TASK), "t2"), 1);
    /* A repeat from another connection is confirmed anew, not waved through. */
    server_signal(replica, SIGSTOP);
    const struct commit_op op = {
        .kind = KIND_TASK, .key = "t3", .version = "1", .fields = "a", .body = "{}"};
    struct commit commit = {.cause = "api", .ops = &op, .n_ops = 1, .durable = true};
    struct commit_result result = {0};
    AUTO(store) *again = open_impatient(server_url(primary), NULL, 1);

    commit_id_make(commit.id);
    assert_int_equal(store_commit(impatient, &commit, &result, NULL), -1);
    assert_int_equal(store_commit(again, &commit, &result, NULL), -1);
    server_signal(replica, SIGCONT);
    assert_ok(store_commit(store, &commit, &result, &err), &err);
    assert_int_equal(result.ops[0].revision,
                     server_number(primary, "HGET", key_of_kind(KIND_TASK), "t3"));
}

/* The last of its attempts may have had no time left to find out. */
static bool is_refused_by_a_replica(struct store *store)
{
    struct error err = {0};

    for (int64_t until_ms = clock_mono_ms() + PATIENCE_MS; clock_mono_ms() < until_ms;) {
        error_clear(&err);
        assert_int_equal(put_body(store, "t", "{}", false, &err), -1);
        assert_int_equal(err.code, ERR_UNAVAILABLE);
        if (strstr(err.text, "is a replica")) {
            return true;
        }
    }
    return false;
}

/* The store's address leads to a server which became a replica, and comes back as a primary. */
static void test_demoted_and_promoted(void **state)
{
    (void)state;
    AUTO(server) *one = server_start(REPLICATED);
    AUTO(server) *two = server_start(REPLICATED);
    AUTO(store) *store = open_with(server_url(one), NULL, 0);
    AUTO(store) *impatient = open_impatient(server_url(one), NULL, 0);
    struct error err = {0};

    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    assert_ok(check_store(impatient, &err), &err);
    int64_t before = server_number(one, "GET", KEY_REVISION, NULL);

    follow(two, one);
    eventually(info_says(one, "state=online"));
    reply_free(server_call(two, "REPLICAOF", "NO", "ONE", NULL));
    follow(one, two);
    eventually(info_says(one, "master_link_status:up"));
    assert_true(is_refused_by_a_replica(impatient));
    reply_free(server_call(one, "REPLICAOF", "NO", "ONE", NULL));
    eventually(put_body(impatient, "t", "{}", false, NULL) == 0);
    assert_true(server_number(one, "GET", KEY_REVISION, NULL) > before + 1); /* an epoch */
}

static int64_t n_epochs(struct server *server)
{
    AUTO(reply) *log = server_call(server, "XRANGE", KEY_LOG, "-", "+", NULL);
    int64_t n = 0;

    for (size_t i = 0; i < log->n; i++) {
        const struct reply *kind = reply_field(reply_array_at(log->items[i], 1), "kind");

        n += kind && streq(kind->text, "epoch");
    }
    return n;
}

/* Its first replica gives a server a new replication id; nothing is lost, and nobody need wait. */
static void test_a_first_replica_is_no_epoch(void **state)
{
    (void)state;
    AUTO(server) *one = server_start(REPLICATED);
    AUTO(server) *two = server_start(REPLICATED);
    AUTO(store) *store = open_with(server_url(one), NULL, 0);
    AUTO(store) *stranger = open_with(server_url(one), NULL, 0);
    AUTO(reply) *before = NULL;
    AUTO(reply) *after = NULL;
    struct error err = {0};

    assert_ok(check_store(store, &err), &err);
    before = server_call(one, "HGET", KEY_META, "identity", NULL);
    follow(two, one);
    do { /* looks all the time, as followers do: REDIS_SAME_MS must not pass between two */
        reply_free(TAKE(after));
        assert_ok(check_store(store, &err), &err);
        after = server_call(one, "HGET", KEY_META, "identity", NULL);
    } while (streq(before->text, after->text));
    assert_ok(put_body(stranger, "t", "{}", false, &err), &err);
    assert_int_equal(n_epochs(one), 1);
}

/* Who has not seen the server a moment ago cannot know what happened to it. */
static void test_an_old_memory_of_a_server_is_none(void **state)
{
    (void)state;
    AUTO(server) *one = server_start(REPLICATED);
    AUTO(server) *two = server_start(REPLICATED);
    AUTO(store) *store = open_with(server_url(one), NULL, 0);
    struct error err = {0};

    assert_ok(check_store(store, &err), &err);
    follow(two, one);
    eventually(info_says(one, "connected_slaves:1"));
    clock_sleep_ms(REDIS_SAME_MS + 100);
    assert_ok(check_store(store, &err), &err);
    assert_int_equal(n_epochs(one), 2);
}

/* The same process as a moment ago, but with another one's data. */
static void test_a_demotion_nobody_noticed_is_an_epoch(void **state)
{
    (void)state;
    AUTO(server) *one = server_start(REPLICATED);
    AUTO(server) *two = server_start(REPLICATED);
    AUTO(store) *store = open_with(server_url(one), NULL, 0);
    struct error err = {0};

    follow(two, one);
    eventually(info_says(two, "master_link_status:up"));
    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    eventually(server_number(two, "HEXISTS", key_of_kind(KIND_TASK), "t") == 1);
    reply_free(server_call(two, "REPLICAOF", "NO", "ONE", NULL));
    assert_ok(check_store(store, &err), &err);
    follow(one, two);
    eventually(info_says(one, "master_link_status:up"));
    reply_free(server_call(one, "REPLICAOF", "NO", "ONE", NULL));
    assert_ok(check_store(store, &err), &err);
    assert_int_equal(n_epochs(one), 2);
}

/* A server which was a replica for a moment looks as before to its connections, but a commit whose
 * sender has not noticed is sent again under the new epoch. */
static void test_identity_changes_under_a_connection(void **state)
{
    (void)state;
    AUTO(server) *server = server_start(REPLICATED);
    AUTO(store) *store = open_with(server_url(server), NULL, 0);
    struct error err = {0};

    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    reply_free(server_call(server, "HSET", KEY_META, "identity", "somebody else", NULL));
    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    AUTO(reply) *log = server_call(server, "XRANGE", KEY_LOG, "-", "+", NULL);

    assert_int_equal(log->n, 4); /* epoch, commit, epoch, commit */
}

static void *check_identity(void *store)
{
    struct error err = {0};

    return check_store(store, &err) == 0 ? store : NULL;
}

/* All who find the new server at once begin one epoch together. */
static void test_one_epoch_for_all(void **state)
{
    (void)state;
    AUTO(server) *server = server_start("--appendonly", "yes", "--appendfsync", "always");
    AUTO(store) *store = open_with(server_url(server), NULL, 0);
    struct error err = {0};
    pthread_t threads[8];

    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    server_kill(server);
    server_resume(server);
    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        assert_int_equal(pthread_create(&threads[t], NULL, check_identity, store), 0);
    }
    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        void *done = NULL;

        pthread_join(threads[t], &done);
        assert_non_null(done);
    }
    assert_int_equal(server_number(server, "XLEN", KEY_LOG, NULL), 3); /* epoch, commit, epoch */
}

static bool knows_replica(struct server *sentinel)
{
    AUTO(reply) *replicas = server_call(sentinel, "SENTINEL", "REPLICAS", "main", NULL);
    const struct reply *first = reply_array_at(replicas, 0);
    const struct reply *flags = first ? reply_field(first, "flags") : NULL;
    const struct reply *link = first ? reply_field(first, "master-link-status") : NULL;

    return flags && streq(flags->text, "slave") && link && streq(link->text, "ok");
}

static void test_sentinel(void **state)
{
    (void)state;
    AUTO(server) *one = server_start(REPLICATED);
    AUTO(server) *two = server_start(REPLICATED);

    follow(two, one);
    eventually(info_says(one, "state=online"));
    AUTO(server) *sentinel = server_start_sentinel("main", one);
    AUTO_CHAR *url =
        xasprintf("redis+sentinel://127.0.0.1:1,127.0.0.1:%d/main", server_port(sentinel));
    AUTO_CHAR *unknown = xasprintf("redis+sentinel://127.0.0.1:%d/other", server_port(sentinel));
    AUTO(store) *store = open_with(url, NULL, 0);
    struct error err = {0};

    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    assert_int_equal(server_number(one, "HEXISTS", key_of_kind(KIND_TASK), "t"), 1);
    assert_refused(unknown, NULL, ERR_UNAVAILABLE, "other");
    eventually(knows_replica(sentinel));
    server_kill(one);
    eventually(put_body(store, "u", "{}", false, NULL) == 0 &&
               server_number(two, "HEXISTS", key_of_kind(KIND_TASK), "u") == 1);
}

/* A name with two addresses, as a cluster's endpoint has: getaddrinfo is asked through us. */
#define BOTH "both.test"

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (typeof(real))dlsym(RTLD_NEXT, "getaddrinfo");

    if (!streq(name, BOTH) || (hints->ai_flags & AI_NUMERICHOST)) {
        return real(name, service, hints, out);
    }
    assert_int_equal(real("127.0.0.2", service, hints, out), 0);
    return real("127.0.0.1", service, hints, &(*out)->ai_next);
}

/* The primary is found behind whichever address it has, and again when it is another's. */
static void test_a_name_of_primary_and_replica(void **state)
{
    (void)state;
    AUTO(server) *one = server_start(REPLICATED);
    AUTO_CHAR *port = xasprintf("%d", server_port(one));
    AUTO(server) *two =
        server_start("--port", port, "--bind", "127.0.0.2", "--repl-diskless-sync-delay", "0");
    AUTO_CHAR *url = xasprintf("redis://" BOTH ":%s", port);
    AUTO(store) *store = open_with(url, NULL, 0);
    struct error err = {0};

    follow(two, one);
    eventually(info_says(one, "state=online"));
    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    reply_free(server_call(two, "REPLICAOF", "NO", "ONE", NULL));
    reply_free(server_call(one, "REPLICAOF", "127.0.0.2", port, NULL));
    eventually(info_says(one, "master_link_status:up"));
    eventually(put_body(store, "u", "{}", false, NULL) == 0);
    assert_int_equal(server_number(two, "HEXISTS", key_of_kind(KIND_TASK), "u"), 1);
    reply_free(server_call(one, "REPLICAOF", "NO", "ONE", NULL));
    reply_free(server_call(two, "REPLICAOF", "127.0.0.1", port, NULL));
    eventually(info_says(two, "master_link_status:up"));
    eventually(put_body(store, "v", "{}", false, NULL) == 0);
    assert_int_equal(server_number(one, "HEXISTS", key_of_kind(KIND_TASK), "v"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durable_commits_wait_for_a_replica),
        cmocka_unit_test(test_demoted_and_promoted),
        cmocka_unit_test(test_a_first_replica_is_no_epoch),
        cmocka_unit_test(test_an_old_memory_of_a_server_is_none),
        cmocka_unit_test(test_a_demotion_nobody_noticed_is_an_epoch),
        cmocka_unit_test(test_identity_changes_under_a_connection),
        cmocka_unit_test(test_one_epoch_for_all),
        cmocka_unit_test(test_sentinel),
        cmocka_unit_test(test_a_name_of_primary_and_replica),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
