/* When streams end by themselves, and when they say that they live: hours pass in no time here. */
#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/gate.h"
#include "api/roster.h"
#include "util/clock.h"
#include "util/mem.h"
#include "view/entity.h"

#define MINUTE_MS 60000
#define BODY_LEN  100000
#define BODIES    20

/* What the client of a stream sees of it. */
struct client {
    int fd;
    struct strbuf unread; /* the beginning of a record */
    char kinds[8];        /* of the last records: 'o' for output, 'e' for the end */
    struct strbuf out;    /* their output */
};

static struct roster roster;
static int64_t began_ms;
static char key_file[] = "/tmp/blox-test-XXXXXX";

#define ANN "ann's secret, which only Ann knows"
#define BOB "bob's secret, which only Bob knows"
#define KEY(id, secret)                                                                            \
    "{\"id\":\"" id "\",\"secret\":\"" secret "\",\"principal\":\"p\",\"role\":\"viewer\"}"

/* The keys from now on; which the gate hears of at once. */
static void write_keys(const char *keys)
{
    int fd = roster.gate ? open(key_file, O_WRONLY | O_TRUNC) : mkstemp(key_file);

    assert_true(fd >= 0 && dprintf(fd, "[%s]", keys) > 0);
    close(fd);
    if (roster.gate) {
        gate_watch(roster.gate);
    }
}

/* What a request signed with this key is granted. */
static struct http_grant grant_of(const char *key)
{
    AUTO(keys) *keys = keys_parse(key, strlen(key), NULL);
    struct http_grant grant = {.generation = gate_generation(roster.gate)};

    memcpy(grant.mark, keys->items[0].mark, sizeof(grant.mark));
    return grant;
}

static int begin(void **state)
{
    (void)state;
    memset(&roster, 0, sizeof(roster));
    roster_init(&roster);
    ring_init(&roster.ring, 1 << 20);
    ring_reset(&roster.ring, 7);
    roster.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    write_keys(KEY("ann", ANN) "," KEY("bob", BOB));
    roster.gate = gate_open(&(struct gate_options){.key_file = key_file}, NULL);
    assert_non_null(roster.gate);
    roster.generation = gate_generation(roster.gate);
    roster.now_ms = began_ms = clock_mono_ms();
    return 0;
}

static int end(void **state)
{
    (void)state;
    roster_end_all(&roster);
    ring_clear(&roster.ring);
    close(roster.epoll_fd);
    gate_free(roster.gate);
    unlink(key_file);
    memcpy(key_file + strlen(key_file) - 6, "XXXXXX", 6);
    return 0;
}

static struct client connect_client(struct stream_options *options)
{
    struct query query = {0};
    AUTO_STRBUF wrong = {0};
    int fds[2];

    assert_true(watch_parse(&task_filters, &query, false, &options->watch, &wrong));
    options->after = 7;
    if (!options->grant.generation) {
        options->grant = grant_of(KEY("bob", BOB));
    }
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct stream *stream = stream_new(NULL, options);

    stream->began_ms = stream->sent_ms = roster.now_ms; /* it has looked at the clock itself */
    fcgi_stream_init(&stream->out, fds[0], 1);
    roster_take_in(&roster, stream);
    roster_give_turns(&roster);
    return (struct client){.fd = fds[1]};
}

static void disconnect(struct client *client)
{
    close(client->fd);
    strbuf_clear(&client->unread);
    strbuf_clear(&client->out);
}

/* Notes the whole records among the bytes; gives how many bytes these are. */
static size_t note_records(struct client *client, const char *bytes, size_t len)
{
    size_t n_kinds = 0;
    size_t at = 0;

    memset(client->kinds, 0, sizeof(client->kinds));
    strbuf_reset(&client->out);
    while (at + 8 <= len) {
        const unsigned char *head = (const unsigned char *)bytes + at;
        size_t content = (size_t)head[4] << 8 | head[5];
        size_t size = 8 + content + head[6];
        char kind = head[0] != 1 ? '?' : head[1] == 6 ? 'o' : 'e';

        if (kind == '?' || at + size > len) {
            break;
        }
        if (kind == 'o') {
            strbuf_add(&client->out, bytes + at + 8, content);
        }
        if (n_kinds == 0 || client->kinds[n_kinds - 1] != kind) {
            client->kinds[n_kinds++] = kind;
        }
        at += size;
    }
    return at;
}

/* Reads all there is since the last time. */
static void listen_to(struct client *client)
{
    AUTO_STRBUF rest = {0};
    char bytes[65536];
    ssize_t n;

    while ((n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
        strbuf_add(&client->unread, bytes, (size_t)n);
    }
    size_t taken = note_records(client, client->unread.text, client->unread.len);

    strbuf_add(&rest, client->unread.text + taken, client->unread.len - taken);
    strbuf_reset(&client->unread);
    strbuf_add(&client->unread, rest.text, rest.len);
}

static bool has_hung_up(const struct client *client)
{
    char byte;

    return recv(client->fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void pass(int64_t ms)
{
    roster.now_ms += ms;
    (void)roster_run_timers(&roster);
    roster_give_turns(&roster);
}

static void assert_said(struct client *client, const char *kinds, const char *text)
{
    listen_to(client);
    assert_string_equal(client->kinds, kinds);
    if (text) {
        assert_non_null(client->out.text);
        assert_non_null(strstr(client->out.text, text));
    }
}

/* ---- silence --------------------------------------------------------------------------------- */

static void test_a_silent_stream_ends_after_59_minutes(void **state)
{
    (void)state;
    struct client plain = connect_client(&(struct stream_options){0});
    struct client told = connect_client(&(struct stream_options){.tells_end = true});

    pass(58 * MINUTE_MS + 59000);
    assert_said(&plain, "", NULL);
    assert_said(&told, "", NULL);
    assert_false(has_hung_up(&plain));
    pass(2000);
    assert_said(&plain, "oe", NULL); /* an empty record, then the end: complete */
    assert_int_equal(plain.out.len, 0);
    assert_said(&told, "oe", "\"error\":\"idle\"");
    assert_non_null(strstr(told.out.text, "\"entityVersion\":\"7\""));
    assert_true(has_hung_up(&plain) && has_hung_up(&told));
    disconnect(&plain);
    disconnect(&told);
}

static void test_heartbeats_keep_it_alive(void **state)
{
    (void)state;
    struct client client = connect_client(&(struct stream_options){.heartbeat_ms = 3600 * 1000});

    for (int hour = 0; hour < 48; hour++) {
        pass(59 * MINUTE_MS);
        assert_said(&client, "", NULL);
        pass(MINUTE_MS);
        assert_said(&client, "o", "{\"metadata\":{\"entityVersion\":\"7\"},\"bookmark\":true}\n");
    }
    disconnect(&client);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static void test_a_stream_ends_with_its_key(void **state)
{
    const struct http_grant ann = grant_of(KEY("ann", ANN));

    (void)state;
    struct client plain = connect_client(&(struct stream_options){.grant = ann});
    struct client told = connect_client(&(struct stream_options){.grant = ann, .tells_end = true});
    struct client other = connect_client(&(struct stream_options){0});

    write_keys(KEY("carl", "carl's secret, which only Carl knows") "," KEY("bob", BOB));
    roster_review(&roster);
    assert_said(&plain, "", NULL); /* no end: broken */
    assert_said(&told, "oe", "\"error\":\"revoked\"");
    assert_true(has_hung_up(&plain) && has_hung_up(&told));
    assert_false(has_hung_up(&other));
    disconnect(&plain);
    disconnect(&told);
    disconnect(&other);
}

/* The keys are exchanged between its admission and the hub. */
static void test_one_that_comes_too_late(void **state)
{
    const struct http_grant ann = grant_of(KEY("ann", ANN));

    (void)state;
    write_keys(KEY("bob", BOB));
    roster_review(&roster);
    struct client late = connect_client(&(struct stream_options){.grant = ann});

    assert_true(has_hung_up(&late));
    disconnect(&late);
}

static void test_a_file_that_is_broken_ends_nothing(void **state)
{
    (void)state;
    struct client client = connect_client(&(struct stream_options){0});

    write_keys("no key");
    roster_review(&roster);
    assert_false(has_hung_up(&client));
    disconnect(&client);
}

/* ---- snapshots ------------------------------------------------------------------------------- */

/* More than a socket takes. */
static struct entity_list much(void)
{
    struct entity_list list = {.items = xcalloc(BODIES, sizeof(*list.items)), .revision = 7};
    static char body[BODY_LEN];

    memset(body, 'x', sizeof(body));
    body[0] = '{';
    body[BODY_LEN - 1] = '}';
    for (; list.n < BODIES; list.n++) {
        const struct stored_value value = {
            .revision = 7,
            .version = "1",
            .version_len = 1,
            .fields = "",
            .body = body,
            .body_len = BODY_LEN,
        };

        list.items[list.n] = &node_new(KIND_TASK, "t", 1, &value, false)->entity;
    }
    return list;
}

static void test_a_snapshot_has_five_minutes(void **state)
{
    (void)state;
    struct stream_options options = {
        .has_snapshot = true, .snapshot = much(), .heartbeat_ms = 1000};
    struct client client = connect_client(&options);

    pass(4 * MINUTE_MS + 59000);
    assert_false(LIST_EMPTY(&roster.all));
    pass(2000);
    pass(6000); /* its last words have five seconds */
    assert_true(LIST_EMPTY(&roster.all));
    listen_to(&client);
    assert_null(strstr(client.kinds, "e")); /* never what a client could take for a complete one */
    assert_true(client.out.len < (size_t)BODIES * BODY_LEN);
    disconnect(&client);
}

static void test_a_snapshot_that_is_read_is_none_any_more(void **state)
{
    (void)state;
    struct stream_options options = {.has_snapshot = true, .snapshot = much()};
    struct client client = connect_client(&options);
    size_t total = 0;

    for (int round = 0; round < 100 && total < (size_t)BODIES * BODY_LEN; round++) {
        listen_to(&client);
        total += client.out.len;
        roster_hear_client(&roster, LIST_FIRST(&roster.all), EPOLLOUT);
        pass(1000);
    }
    assert_true(total > (size_t)BODIES * BODY_LEN);
    pass(10 * MINUTE_MS);
    assert_false(LIST_EMPTY(&roster.all));
    disconnect(&client);
}

/* Whoever reads none of them must not fill the worker's memory. */
static void test_snapshots_have_a_limit_together(void **state)
{
    struct entity_list huge = {.items = xcalloc(SNAPSHOT_ENTITIES_MAX + 1, sizeof(*huge.items)),
                               .n = SNAPSHOT_ENTITIES_MAX + 1};
    struct stream_options first = {.has_snapshot = true, .snapshot = huge};
    struct stream_options second = {.has_snapshot = true, .snapshot = much()};
    struct stream_options none = {0};

    (void)state;
    struct stream *alone = stream_new(NULL, &first);

    assert_non_null(alone); /* however large */
    assert_null(stream_new(NULL, &second));
    assert_int_equal(second.snapshot.n, BODIES);
    struct stream *live = stream_new(NULL, &none);

    assert_non_null(live);
    stream_free(alone);
    struct stream *later = stream_new(NULL, &second);

    assert_non_null(later);
    stream_free(later);
    stream_free(live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_silent_stream_ends_after_59_minutes, begin, end),
        cmocka_unit_test_setup_teardown(test_heartbeats_keep_it_alive, begin, end),
        cmocka_unit_test_setup_teardown(test_a_stream_ends_with_its_key, begin, end),
        cmocka_unit_test_setup_teardown(test_one_that_comes_too_late, begin, end),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_broken_ends_nothing, begin, end),
        cmocka_unit_test_setup_teardown(test_a_snapshot_has_five_minutes, begin, end),
        cmocka_unit_test_setup_teardown(test_a_snapshot_that_is_read_is_none_any_more, begin, end),
        cmocka_unit_test(test_snapshots_have_a_limit_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
