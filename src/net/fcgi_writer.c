/* Records from pieces, many of both in one system call. */
#include "net/fcgi_writer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void fcgi_writer_init(struct fcgi_writer *writer, int fd, int request_id)
{
    writer->fd = fd;
    writer->request_id = request_id;
    writer->failed = false;
    writer->n_iov = 0;
    writer->n_records = 0;
    writer->content_len = 0;
}

static void send_all(struct fcgi_writer *writer)
{
    struct msghdr message = {.msg_iov = writer->iov, .msg_iovlen = writer->n_iov};

    while (message.msg_iovlen > 0) {
        ssize_t sent = sendmsg(writer->fd, &message, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            writer->failed = true;
            return;
        }
        size_t left = (size_t)sent;

        while (message.msg_iovlen > 0 && left >= message.msg_iov->iov_len) {
            left -= message.msg_iov->iov_len;
            message.msg_iov++;
            message.msg_iovlen--;
        }
        if (left > 0) {
            message.msg_iov->iov_base = (char *)message.msg_iov->iov_base + left;
            message.msg_iov->iov_len -= left;
        }
    }
}

/* Its header says how long the last record has become. */
static void close_record(struct fcgi_writer *writer)
{
    if (writer->content_len > 0) {
        fcgi_record_header(writer->headers[writer->n_records - 1], writer->type, writer->request_id,
                           writer->content_len);
    }
    writer->content_len = 0;
}

bool fcgi_writer_flush(struct fcgi_writer *writer)
{
    close_record(writer);
    if (!writer->failed) {
        send_all(writer);
    }
    writer->n_iov = 0;
    writer->n_records = 0;
    return !writer->failed;
}

static void add_iov(struct fcgi_writer *writer, const void *bytes, size_t len)
{
    writer->iov[writer->n_iov++] = (struct iovec){(void *)(uintptr_t)bytes, len};
}

/* There is room for the header and for some content behind it. */
static void open_record(struct fcgi_writer *writer, enum fcgi_record_type type)
{
    close_record(writer);
    if (writer->n_iov + 2 > FCGI_WRITER_IOV || writer->n_records == FCGI_WRITER_RECORDS) {
        fcgi_writer_flush(writer);
    }
    writer->type = type;
    fcgi_record_header(writer->headers[writer->n_records], type, writer->request_id, 0);
    add_iov(writer, writer->headers[writer->n_records++], FCGI_HEADER_LEN);
}

void fcgi_writer_add(struct fcgi_writer *writer, const char *bytes, size_t len)
{
    while (len > 0) {
        if (writer->content_len == 0 || writer->content_len == FCGI_CONTENT_MAX ||
            writer->n_iov == FCGI_WRITER_IOV) {
            open_record(writer, FCGI_RECORD_STDOUT);
        }
        size_t room = FCGI_CONTENT_MAX - writer->content_len;
        size_t part = len < room ? len : room;

        add_iov(writer, bytes, part);
        writer->content_len += part;
        bytes += part;
        len -= part;
    }
}

bool fcgi_writer_finish(struct fcgi_writer *writer)
{
    static const char completed[8]; /* application status 0, FCGI_REQUEST_COMPLETE */

    open_record(writer, FCGI_RECORD_STDOUT); /* an empty one ends the stream */
    open_record(writer, FCGI_RECORD_END_REQUEST);
    add_iov(writer, completed, sizeof(completed));
    writer->content_len = sizeof(completed);
    return fcgi_writer_flush(writer);
}
