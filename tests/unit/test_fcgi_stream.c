/* FastCGI records of a stream: what a slow peer gets in the end is what was sent. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/fcgi_stream.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define REQUEST_ID 0x0102

struct pair {
    struct fcgi_stream stream;
    int peer;
    struct strbuf got; /* raw */
};

static int set_up(void **state)
{
    struct pair *p = xcalloc(1, sizeof(*p));
    int fds[2];
    int size = 4096;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    fcgi_stream_init(&p->stream, fds[0], REQUEST_ID);
    p->peer = fds[1];
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;

    fcgi_stream_close(&p->stream);
    if (p->peer >= 0) {
        close(p->peer);
    }
    strbuf_clear(&p->got);
    free(p);
    return 0;
}

/* Reads up to max bytes; gives whether there were any. */
static bool drain(struct pair *p, size_t max)
{
    char bytes[65536];
    ssize_t n = read(p->peer, bytes, max < sizeof(bytes) ? max : sizeof(bytes));

    if (n > 0) {
        strbuf_add(&p->got, bytes, (size_t)n);
    }
    return n > 0;
}

/* The content of all STDOUT records; *ended says whether END_REQUEST came behind an empty one. */
static char *content(const struct pair *p, bool *ended)
{
    struct strbuf out = {0};
    const uint8_t *at = (const uint8_t *)p->got.text;
    const uint8_t *end = at + p->got.len;
    bool closed = false;

    *ended = false;
    while (at < end) {
        size_t len = (size_t)at[4] << 8 | at[5];

        assert_true(end - at >= 8 && (size_t)(end - at) >= 8 + len);
        assert_int_equal(at[0], 1);
        assert_int_equal(at[2] << 8 | at[3], REQUEST_ID);
        assert_int_equal(at[6], 0);
        if (at[1] == 6) {
            closed = len == 0;
            strbuf_add(&out, (const char *)at + 8, len);
        } else {
            assert_int_equal(at[1], 3);
            assert_true(closed && len == 8 && at + 16 == end);
            *ended = true;
        }
        at += 8 + len;
    }
    return strbuf_take(&out);
}

static struct iovec line_of(char c, size_t len)
{
    char *text = xmalloc(len);

    memset(text, c, len - 1);
    text[len - 1] = '\n';
    return (struct iovec){text, len};
}

/* All the lines, to a peer that reads so many bytes whenever nothing more is taken. */
static void send_all(struct pair *p, const struct iovec *lines, size_t n, size_t read_len)
{
    size_t at = 0;

    while (at < n || fcgi_stream_is_blocked(&p->stream)) {
        ssize_t taken = fcgi_stream_write(&p->stream, &lines[at], n - at);

        assert_true(taken >= 0);
        at += (size_t)taken;
        drain(p, read_len);
    }
    assert_int_equal(fcgi_stream_finish(&p->stream), 0);
    while (fcgi_stream_is_blocked(&p->stream)) {
        drain(p, read_len);
        assert_int_equal(fcgi_stream_write(&p->stream, NULL, 0), 0);
    }
    while (drain(p, read_len)) {
    }
}

static void test_bytes_arrive_whatever_the_pace(void **state)
{
    struct pair *p = *state;
    static const size_t lens[] = {1, 2, 100, 65527, 65528, 65529, 7, 200000, 1024 * 1024, 3};
    struct iovec lines[3 * ARRAY_LEN(lens)];
    AUTO_STRBUF want = {0};
    bool ended;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        lines[i] = line_of((char)('a' + i % 26), lens[i % ARRAY_LEN(lens)]);
        strbuf_add(&want, lines[i].iov_base, lines[i].iov_len);
    }
    send_all(p, lines, ARRAY_LEN(lines), 5000);
    AUTO_CHAR *got = content(p, &ended);

    assert_true(ended);
    assert_string_equal(got, want.text);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        free(lines[i].iov_base);
    }
}

static void test_a_stopped_reader_costs_one_line(void **state)
{
    struct pair *p = *state;
    struct iovec line = line_of('x', 1200);
    size_t taken = 0;

    for (int i = 0; i < 1000; i++) {
        ssize_t n = fcgi_stream_write(&p->stream, &line, 1);

        assert_true(n >= 0);
        taken += (size_t)n;
    }
    assert_true(taken < 1000);
    assert_true(p->stream.rest_len < 1208);
    free(line.iov_base);
}

static void test_a_peer_that_is_gone(void **state)
{
    struct pair *p = *state;
    struct iovec line = line_of('x', 10);

    close(p->peer);
    p->peer = -1;
    assert_int_equal(fcgi_stream_write(&p->stream, &line, 1), -1);
    free(line.iov_base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes_arrive_whatever_the_pace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stopped_reader_costs_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_peer_that_is_gone, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
