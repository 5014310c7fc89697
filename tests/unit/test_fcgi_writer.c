/* FastCGI records: whatever the pieces, the peer reads the same bytes and a complete request. */
#include "test.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/fcgi_writer.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define REQUEST_ID 258 /* both bytes count */

/* What a peer makes of the records. */
struct peer {
    int fd;
    struct strbuf body;
    size_t n_records;
    int n_ends;      /* END_REQUEST records */
    bool body_ended; /* by an empty record */
    const char *fault;
};

static bool read_fully(int fd, void *out, size_t len)
{
    char *at = out;

    while (len > 0) {
        ssize_t got = read(fd, at, len);

        if (got <= 0) {
            return false;
        }
        at += got;
        len -= (size_t)got;
    }
    return true;
}

static void take_record(struct peer *peer, const uint8_t *header, const char *content, size_t len)
{
    peer->n_records++;
    if (header[0] != 1 || header[2] != REQUEST_ID >> 8 || header[3] != (REQUEST_ID & 255) ||
        header[6] != 0) {
        peer->fault = "a bad header";
    } else if (peer->n_ends > 0) {
        peer->fault = "something behind the end";
    } else if (header[1] == 6) {
        peer->fault = peer->body_ended ? "output behind the empty record" : peer->fault;
        peer->body_ended = len == 0;
        strbuf_add(&peer->body, content, len);
    } else if (header[1] == 3 && len == 8 && memcmp(content, "\0\0\0\0\0\0\0\0", 8) == 0) {
        peer->n_ends++;
    } else {
        peer->fault = "an unknown record";
    }
}

static void *read_records(void *ctx)
{
    static char content[65536];
    struct peer *peer = ctx;
    uint8_t header[FCGI_HEADER_LEN];

    while (read_fully(peer->fd, header, sizeof(header))) {
        size_t len = (size_t)header[4] << 8 | header[5];

        if (!read_fully(peer->fd, content, len)) {
            peer->fault = "a record is cut off";
            break;
        }
        take_record(peer, header, content, len);
    }
    return NULL;
}

static const struct {
    const char *name;
    size_t n_pieces;
    size_t piece_len;
    size_t max_records;
} cases[] = {
    {"nothing at all", 0, 0, 2},
    {"empty pieces", 10, 0, 2},
    {"one byte", 1, 1, 3},
    {"a full record", 1, 65528, 3},
    {"one byte more", 1, 65529, 4},
    {"a piece of many records", 1, 1000000, 18},
    {"a thousand small ones are one record", 1000, 10, 3},
    {"more small ones than one call takes", 5000, 1, 9},
    {"a list of tasks", 10000, 1200, 210},
    {"pieces which end with records", 64, 65528, 66},
    {"pieces which straddle records", 100, 65527, 220},
};

static void test_records(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct fcgi_writer writer;
        struct peer peer = {0};
        pthread_t thread;
        int fds[2];
        AUTO_STRBUF want = {0};

        strbuf_add(&want, "", 0);
        strbuf_add(&peer.body, "", 0);
        for (size_t i = 0; i < cases[c].n_pieces * cases[c].piece_len; i++) {
            strbuf_add_char(&want, (char)('a' + i % 25));
        }
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        peer.fd = fds[1];
        assert_int_equal(pthread_create(&thread, NULL, read_records, &peer), 0);
        fcgi_writer_init(&writer, fds[0], REQUEST_ID);
        for (size_t i = 0; i < cases[c].n_pieces; i++) {
            fcgi_writer_add(&writer, want.text + i * cases[c].piece_len, cases[c].piece_len);
        }
        fcgi_writer_finish(&writer);
        close(fds[0]);
        pthread_join(thread, NULL);
        close(fds[1]);
        if (peer.fault || peer.n_ends != 1 || !peer.body_ended || writer.failed ||
            peer.body.len != want.len || memcmp(peer.body.text, want.text, want.len) != 0) {
            fail_msg("%s: %s, %zu of %zu bytes, %d ends", cases[c].name,
                     peer.fault ? peer.fault : "no fault", peer.body.len, want.len, peer.n_ends);
        }
        if (peer.n_records > cases[c].max_records) {
            fail_msg("%s: %zu records", cases[c].name, peer.n_records);
        }
        strbuf_clear(&peer.body);
    }
}

/* No signal, no endless loop. */
static void test_a_peer_which_is_gone(void **state)
{
    static char bytes[4 * 1024 * 1024];
    struct fcgi_writer writer;
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    close(fds[1]);
    fcgi_writer_init(&writer, fds[0], REQUEST_ID);
    fcgi_writer_add(&writer, bytes, sizeof(bytes));
    fcgi_writer_finish(&writer);
    assert_true(writer.failed);
    close(fds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_a_peer_which_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
