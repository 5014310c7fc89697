/* Connections: where Redis is, how one logs in, and what it refuses. */
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/keys.h"
#include "store/log.h"
#include "util/mem.h"

static void assert_usable(const char *url, const char *ca_file)
{
    AUTO(store) *store = open_with(url, ca_file, 0);
    struct error err = {0};
    char warning[256];

    assert_ok(store_check(store, warning, &err), &err);
    assert_ok(put_body(store, "t", "{}", false, &err), &err);
}

/* ---- reaching it --------------------------------------------------------------------------- */

static void test_tcp_and_database(void **state)
{
    (void)state;
    AUTO(server) *server = server_start("--port", "PORT", "--bind", "127.0.0.1");
    AUTO_CHAR *by_name = xasprintf("redis://localhost:%d", server_port(server));
    AUTO_CHAR *other = xasprintf("redis://127.0.0.1:%d/3", server_port(server));

    assert_usable(by_name, NULL);
    assert_usable(other, NULL);
    reply_free(server_call(server, "SELECT", "3", NULL));
    assert_int_equal(server_number(server, "EXISTS", KEY_REVISION, NULL), 1);
    AUTO(store) *kept = open_with(other, NULL, 0);
    int64_t revision = 0;

    assert_int_equal(store_revision(kept, &revision, NULL), 0);
    AUTO(reply) *clients = server_call(server, "CLIENT", "LIST", NULL);

    assert_non_null(strstr(clients->text, "name=blox-test"));
}

static void test_not_there(void **state)
{
    (void)state;
    AUTO(server) *server = server_start("--port", "PORT", "--bind", "127.0.0.1");
    AUTO_CHAR *url = xasprintf("redis://127.0.0.1:%d", server_port(server));
    AUTO_CHAR *address = xasprintf("127.0.0.1:%d", server_port(server));

    server_kill(server);
    assert_refused(url, NULL, ERR_UNAVAILABLE, address);
    assert_refused(url, NULL, ERR_UNAVAILABLE, "refused");
    assert_refused("unix:///nowhere/redis.sock", NULL, ERR_UNAVAILABLE, "/nowhere/redis.sock");
    assert_refused("redis://no-such-host.invalid", NULL, ERR_UNAVAILABLE, "no-such-host.invalid");
}

static void test_hanging_server(void **state)
{
    (void)state;
    AUTO(server) *server = server_start();
    AUTO(store) *store = open_impatient(server_url(server), NULL, 0);
    struct error err = {0};

    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    server_signal(server, SIGSTOP);
    int64_t began_ms = clock_mono_ms();

    assert_int_equal(put_body(store, "t", "{}", false, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_in_range(clock_mono_ms() - began_ms, SHORT_MS - 100, SHORT_MS + PATIENCE_MS / 2);
    assert_refused(server_url(server), NULL, ERR_UNAVAILABLE, "time limit");
    server_signal(server, SIGCONT);
    error_clear(&err);
    assert_ok(put_body(store, "t", "{}", false, &err), &err);
}

/* A kept connection which the server closed costs nobody a failure. */
static void test_kept_connection_was_closed(void **state)
{
    (void)state;
    AUTO(server) *server = server_start();
    AUTO(store) *store = open_with(server_url(server), NULL, 0);
    struct error err = {0};

    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    reply_free(server_call(server, "CLIENT", "KILL", "TYPE", "normal", NULL));
    assert_ok(put_body(store, "t", "{}", false, &err), &err);
    server_kill(server);
    server_resume(server);
    assert_ok(put_body(store, "t", "{}", false, &err), &err);
}

/* ---- logging in ---------------------------------------------------------------------------- */

static void test_password(void **state)
{
    (void)state;
    AUTO(server) *server = server_start("--requirepass", "s3cret:/@");
    const char *path = server_url(server) + strlen("unix://");
    AUTO_CHAR *right = xasprintf("unix://:s3cret%%3A%%2f%%40@%s", path);
    AUTO_CHAR *wrong = xasprintf("unix://:gue55@%s", path);
    AUTO_CHAR *user = xasprintf("unix://default:s3cret%%3A%%2F%%40@%s", path);

    assert_usable(right, NULL);
    assert_usable(user, NULL);
    assert_refused(wrong, NULL, ERR_DENIED, "WRONGPASS");
    assert_refused(server_url(server), NULL, ERR_DENIED, "password");
    AUTO(store) *store = open_with(wrong, NULL, 0);
    struct error err = {0};
    int64_t revision = 0;

    assert_int_equal(store_revision(store, &revision, &err), -1);
    assert_null(strstr(err.text, "gue55"));
}

/* ---- TLS ----------------------------------------------------------------------------------- */

static void run_command(const char *command)
{
    if (system(command) != 0) {
        fail_msg("%s", command);
    }
}

/* Makes an authority and a certificate for "localhost" and 127.0.0.1 in the directory. */
static void make_certificates(const char *dir)
{
    AUTO_CHAR *command = xasprintf(
        "cd '%s' && exec 2>openssl.log && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=test-ca -keyout ca.key -out ca.pem && "
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=redis "
        "-keyout redis.key -out redis.csr && "
        "printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' >ext && "
        "openssl x509 -req -days 2 -in redis.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
        "-extfile ext -out redis.pem",
        dir);

    run_command(command);
}

static void test_tls(void **state)
{
    char dir[] = "/tmp/blox-tls-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(dir));
    make_certificates(dir);
    AUTO_CHAR *cert = xasprintf("%s/redis.pem", dir);
    AUTO_CHAR *key = xasprintf("%s/redis.key", dir);
    AUTO_CHAR *ca = xasprintf("%s/ca.pem", dir);
    AUTO(server) *server = server_start("--tls-port", "PORT", "--bind", "127.0.0.1", "127.0.0.2",
                                        "--tls-cert-file", cert, "--tls-key-file", key,
                                        "--tls-ca-cert-file", ca, "--tls-auth-clients", "no");
    AUTO_CHAR *by_name = xasprintf("rediss://localhost:%d", server_port(server));
    AUTO_CHAR *by_address = xasprintf("rediss://127.0.0.1:%d", server_port(server));
    AUTO_CHAR *other_host = xasprintf("rediss://127.0.0.2:%d", server_port(server));
    AUTO_CHAR *plain = xasprintf("redis://127.0.0.1:%d", server_port(server));

    assert_usable(by_name, ca);
    assert_usable(by_address, ca);
    assert_refused(other_host, ca, ERR_DENIED, "127.0.0.2");  /* not whom it is for */
    assert_refused(by_name, NULL, ERR_DENIED, "not trusted"); /* an authority nobody knows */
    assert_refused(plain, NULL, ERR_UNAVAILABLE, "");
    AUTO(store) *store = open_with(by_name, ca, 0);
    AUTO_CHAR *large = xmalloc(900 * 1024); /* many records */
    struct error err = {0};

    memset(large, 'x', 900 * 1024 - 1);
    large[900 * 1024 - 1] = '\0';
    assert_ok(put_body(store, "large", large, false, &err), &err);
    AUTO(log_reader) *reader = log_reader_open(store, &err);
    struct log_batch batch = {0};
    int64_t revision = 0;

    assert_ok(store_revision(store, &revision, &err), &err);
    assert_ok(log_read(reader, revision - 1, 0, 1, &batch, &err), &err);
    assert_int_equal(batch.n, 1);
    assert_true(batch.entries[0].value_len > 900 * 1024 - 1);
    log_batch_clear(&batch);

    struct store_options options = {
        .url = by_name, .timeout_ms = SHORT_MS, .ca_file = "/nowhere/ca.pem"};

    assert_null(store_open(&options, &err));
    assert_int_equal(err.code, ERR_INVALID);
    AUTO_CHAR *remove = xasprintf("rm -r '%s'", dir);

    run_command(remove);
}

/* ---- what it must not be ------------------------------------------------------------------- */

static void test_settings_are_checked(void **state)
{
    (void)state;
    AUTO(server) *server = server_start("--maxmemory-policy", "allkeys-lru");
    AUTO(store) *store = open_with(server_url(server), NULL, 0);
    struct error err = {0};
    char warning[256];

    assert_refused(server_url(server), NULL, ERR_INVALID, "noeviction");
    reply_free(server_call(server, "CONFIG", "SET", "maxmemory-policy", "noeviction", NULL));
    assert_ok(store_check(store, warning, &err), &err);
    assert_non_null(strstr(warning, "append-only"));
    reply_free(server_call(server, "CONFIG", "SET", "appendonly", "yes", NULL));
    assert_ok(store_check(store, warning, &err), &err);
    assert_string_equal(warning, "");
}

static void test_newer_format_is_refused(void **state)
{
    (void)state;
    AUTO(server) *server = server_start();
    AUTO(store) *connected = open_with(server_url(server), NULL, 0);
    struct error err = {0};

    assert_ok(put_body(connected, "t", "{}", false, &err), &err);
    reply_free(server_call(server, "HSET", KEY_META, "format", "2", NULL));
    assert_refused(server_url(server), NULL, ERR_INVALID, "format 2");
    int64_t revision = server_number(server, "GET", KEY_REVISION, NULL);

    assert_int_equal(put_body(connected, "t", "{}", false, &err), -1); /* nor by an open one */
    assert_int_equal(err.code, ERR_INVALID);
    server_kill(server); /* without data there is no format */
    server_resume(server);
    error_clear(&err);
    assert_ok(put_body(connected, "t", "{}", false, &err), &err);
    assert_true(server_number(server, "GET", KEY_REVISION, NULL) > revision);
}

/* ---- full ---------------------------------------------------------------------------------- */

static void test_full_redis(void **state)
{
    (void)state;
    AUTO(server) *server = server_start("--maxmemory", "8mb");
    AUTO(store) *store = open_with(server_url(server), NULL, 0);
    AUTO_CHAR *large = xmalloc(400 * 1024);
    struct error err = {0};
    char key[16];
    int n = 0;

    memset(large, 'x', 400 * 1024 - 1);
    large[400 * 1024 - 1] = '\0';
    do {
        snprintf(key, sizeof(key), "t%d", n);
    } while (put_body(store, key, large, false, &err) == 0 && ++n < 100);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.text, "maxmemory"));
    error_clear(&err);
    reply_free(server_call(server, "CONFIG", "SET", "maxmemory", "1mb", NULL));
    assert_int_equal(store_check_writable(store, &err), -1);
    assert_non_null(strstr(err.text, "maxmemory"));
    reply_free(server_call(server, "CONFIG", "SET", "maxmemory", "8mb", NULL));
    /* No part of it was written. */
    assert_int_equal(server_number(server, "HLEN", key_of_kind(KIND_TASK), NULL), n);
    assert_int_equal(server_number(server, "XLEN", KEY_LOG, NULL), n + 1);
    AUTO(reply) *last = server_call(server, "XREVRANGE", KEY_LOG, "+", "-", "COUNT", "1", NULL);

    assert_int_equal(server_number(server, "GET", KEY_REVISION, NULL),
                     atoll(reply_text_at(reply_array_at(last, 0), 0)));
    /* Deletes, the purge and the log's trimming still work, and so it recovers. */
    char names[100][16];
    int64_t purged = 0;

    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof(names[i]), "t%d", i);
        const struct commit_op gone = {.kind = KIND_TASK, .key = names[i], .version = "2"};
        struct commit commit = {.cause = "expired", .ops = &gone, .n_ops = 1};
        struct commit_result result = {0};

        error_clear(&err);
        commit_id_make(commit.id);
        assert_ok(store_commit(store, &commit, &result, &err), &err);
    }
    assert_ok(store_purge(store, NULL, INT64_MAX, &purged, &err), &err);
    assert_int_equal(purged, n);
    assert_int_equal(server_number(server, "EXISTS", key_of_kind(KIND_TASK), NULL), 0);
    reply_free(server_call(server, "XTRIM", KEY_LOG, "MAXLEN", "1", NULL));
    assert_ok(store_check_writable(store, &err), &err);
    assert_ok(put_body(store, "t0", large, false, &err), &err);
}

/* A full Redis which restarts must still take the epoch, or nobody could delete anything. */
static void test_full_redis_restarts(void **state)
{
    (void)state;
    AUTO(server) *server = server_start("--maxmemory", "4mb", "--appendonly", "yes");
    AUTO(store) *store = open_with(server_url(server), NULL, 0);
    AUTO_CHAR *large = xmalloc(400 * 1024);
    struct error err = {0};

    memset(large, 'x', 400 * 1024 - 1);
    large[400 * 1024 - 1] = '\0';
    while (put_body(store, "t", large, false, &err) == 0) {
    }
    server_stop(server);
    server_resume(server);
    const struct commit_op gone = {.kind = KIND_TASK, .key = "t", .version = "2"};
    struct commit commit = {.cause = "expired", .ops = &gone, .n_ops = 1};
    struct commit_result result = {0};

    error_clear(&err);
    commit_id_make(commit.id);
    assert_ok(store_commit(store, &commit, &result, &err), &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp_and_database),
        cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_hanging_server),
        cmocka_unit_test(test_kept_connection_was_closed),
        cmocka_unit_test(test_password),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_settings_are_checked),
        cmocka_unit_test(test_newer_format_is_refused),
        cmocka_unit_test(test_full_redis),
        cmocka_unit_test(test_full_redis_restarts),
    };

    return skip_without_server() ? 0 : cmocka_run_group_tests(tests, NULL, NULL);
}
