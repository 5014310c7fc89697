/* FastCGI 1.0 records (section 3.3), written without libfcgi. */
#include "net/fcgi_stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/fcgi_record.h"
#include "util/mem.h"

#define RECORDS_MAX 64 /* sent at once: more than one line of 1 MiB has */

/* Records in the making: of some whole lines. */
struct packing {
    uint8_t headers[RECORDS_MAX][FCGI_HEADER_LEN];
    struct iovec iov[2 * RECORDS_MAX];
    size_t line_end[RECORDS_MAX]; /* the number of iov there are up to the end of each line */
    size_t n_iov;
    size_t n_lines;
};

void fcgi_stream_init(struct fcgi_stream *stream, int fd, int request_id)
{
    *stream = (struct fcgi_stream){.fd = fd, .request_id = request_id};
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void fcgi_stream_close(struct fcgi_stream *stream)
{
    if (stream->fd >= 0) {
        close(stream->fd);
    }
    free(stream->rest);
    *stream = (struct fcgi_stream){.fd = -1};
}

bool fcgi_stream_is_blocked(const struct fcgi_stream *stream)
{
    return stream->rest != NULL;
}

/* False when it does not fit any more. */
static bool pack_line(struct packing *p, int request_id, const struct iovec *line)
{
    size_t n_records = (line->iov_len + FCGI_CONTENT_MAX - 1) / FCGI_CONTENT_MAX;
    const char *at = line->iov_base;
    size_t left = line->iov_len;

    if (p->n_iov / 2 + n_records > RECORDS_MAX) {
        assert(p->n_iov > 0);
        return false;
    }
    while (left > 0) {
        size_t len = left < FCGI_CONTENT_MAX ? left : FCGI_CONTENT_MAX;
        uint8_t *header = p->headers[p->n_iov / 2];

        fcgi_record_header(header, FCGI_RECORD_STDOUT, request_id, len);
        p->iov[p->n_iov++] = (struct iovec){header, FCGI_HEADER_LEN};
        p->iov[p->n_iov++] = (struct iovec){(void *)(uintptr_t)at, len};
        at += len;
        left -= len;
    }
    p->line_end[p->n_lines++] = p->n_iov;
    return true;
}

/* Gives how many bytes went out, 0 when the peer takes none now, -1 when it is gone. */
static ssize_t send_some(const struct fcgi_stream *stream, struct iovec *iov, size_t n)
{
    const struct msghdr message = {.msg_iov = iov, .msg_iovlen = n};
    ssize_t sent;

    do {
        sent = sendmsg(stream->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : sent;
}

/* Keeps what was not sent of the line in the middle of which it ended, if any; gives how many lines
 * need not be sent again. */
static size_t keep_rest(struct fcgi_stream *stream, const struct packing *p, size_t sent)
{
    size_t line = 0;
    size_t i = 0;

    while (i < p->n_iov && sent >= p->iov[i].iov_len) {
        sent -= p->iov[i++].iov_len;
    }
    while (line < p->n_lines && p->line_end[line] <= i) {
        line++;
    }
    size_t line_start = line > 0 ? p->line_end[line - 1] : 0;

    if (line == p->n_lines || (i == line_start && sent == 0)) {
        return line;
    }
    size_t len = 0;

    for (size_t k = i; k < p->line_end[line]; k++) {
        len += p->iov[k].iov_len;
    }
    stream->rest_len = len - sent;
    stream->rest = xmalloc(stream->rest_len);
    char *to = stream->rest;

    for (size_t k = i; k < p->line_end[line]; k++) {
        to = mempcpy(to, (const char *)p->iov[k].iov_base + sent, p->iov[k].iov_len - sent);
        sent = 0;
    }
    return line + 1;
}

/* 1 when nothing is left, 0 when the peer is slow, -1 when it is gone. */
static int send_rest(struct fcgi_stream *stream)
{
    if (!stream->rest) {
        return 1;
    }
    struct iovec rest = {stream->rest, stream->rest_len};
    ssize_t sent = send_some(stream, &rest, 1);

    if (sent < 0) {
        return -1;
    }
    stream->rest_len -= (size_t)sent;
    if (stream->rest_len > 0) {
        memmove(stream->rest, stream->rest + sent, stream->rest_len);
        return 0;
    }
    free(TAKE(stream->rest));
    return 1;
}

ssize_t fcgi_stream_write(struct fcgi_stream *stream, const struct iovec *lines, size_t n)
{
    size_t taken = 0;
    int rc = send_rest(stream);

    if (rc <= 0) {
        return rc;
    }
    while (taken < n) {
        struct packing p;
        size_t total = 0;

        p.n_iov = p.n_lines = 0;
        while (taken + p.n_lines < n &&
               pack_line(&p, stream->request_id, &lines[taken + p.n_lines])) {
        }
        for (size_t i = 0; i < p.n_iov; i++) {
            total += p.iov[i].iov_len;
        }
        ssize_t sent = send_some(stream, p.iov, p.n_iov);

        if (sent < 0) {
            return -1;
        }
        if ((size_t)sent < total) {
            return (ssize_t)(taken + keep_rest(stream, &p, (size_t)sent));
        }
        taken += p.n_lines;
    }
    return (ssize_t)taken;
}

int fcgi_stream_finish(struct fcgi_stream *stream)
{
    uint8_t end[3 * FCGI_HEADER_LEN] = {
        0}; /* the empty STDOUT record; FCGI_RECORD_END_REQUEST, complete, status 0 */
    char *rest = xmalloc(stream->rest_len + sizeof(end));

    fcgi_record_header(end, FCGI_RECORD_STDOUT, stream->request_id, 0);
    fcgi_record_header(end + FCGI_HEADER_LEN, FCGI_RECORD_END_REQUEST, stream->request_id,
                       FCGI_HEADER_LEN);
    if (stream->rest) {
        memcpy(rest, stream->rest, stream->rest_len);
        free(stream->rest);
    }
    memcpy(rest + stream->rest_len, end, sizeof(end));
    stream->rest = rest;
    stream->rest_len += sizeof(end);
    return send_rest(stream) < 0 ? -1 : 0;
}
