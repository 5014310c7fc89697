/*
 * Writes a whole response as FastCGI records (FastCGI 1.0, 3.3) without libfcgi, which copies
 * everything into records of 8 KiB and writes each of them alone. For 12 MB that is 1,500 writes,
 * here it is 12.
 */
#ifndef BLOX_NET_FCGI_WRITER_H
#define BLOX_NET_FCGI_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "net/fcgi_record.h"

#define FCGI_WRITER_IOV     1024 /* Linux' limit of one call */
#define FCGI_WRITER_RECORDS (FCGI_WRITER_IOV / 2)

/* What is about to be sent; the bytes stay the caller's until the end. */
struct fcgi_writer {
    int fd; /* blocking */
    int request_id;
    bool failed; /* the peer is gone: nothing more is sent */
    struct iovec iov[FCGI_WRITER_IOV];
    size_t n_iov;
    uint8_t headers[FCGI_WRITER_RECORDS][FCGI_HEADER_LEN];
    size_t n_records;
    enum fcgi_record_type type; /* of the last record, */
    size_t content_len;         /* which may still grow */
};

void fcgi_writer_init(struct fcgi_writer *writer, int fd, int request_id);
/* Adds some of the response's head or body. */
void fcgi_writer_add(struct fcgi_writer *writer, const char *bytes, size_t len);
/* Sends what has been added. False when the peer is gone. */
bool fcgi_writer_flush(struct fcgi_writer *writer);
/* Ends the response and sends all of it. False when the peer is gone. */
bool fcgi_writer_finish(struct fcgi_writer *writer);

#endif
