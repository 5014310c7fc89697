/*
 * The body of a response without end: FastCGI records on a connection which libfcgi has handed
 * over. Never waits: what the peer does not take at once of a line is kept, and nothing else.
 */
#ifndef BLOX_NET_FCGI_STREAM_H
#define BLOX_NET_FCGI_STREAM_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "util/attr.h"

struct fcgi_stream {
    int fd;
    int request_id;
    char *rest; /* of a line, and of the response's end: to be sent before anything else */
    size_t rest_len;
};

/* Owns fd, which becomes non-blocking, from now on. */
void fcgi_stream_init(struct fcgi_stream *stream, int fd, int request_id);
/* Without fcgi_stream_finish before it the client finds its transfer broken off. */
void fcgi_stream_close(struct fcgi_stream *stream);

/*
 * Sends what is left from before, then the lines (1 MiB each at most), which stay the caller's.
 * Gives how many of them were taken; with fewer than n, or when fcgi_stream_is_blocked says so, the
 * peer is slow: go on when the descriptor is writable again. -1: it is gone.
 */
ssize_t fcgi_stream_write(struct fcgi_stream *stream, const struct iovec *lines,
                          size_t n) MUST_CHECK;
/* Something is left. */
bool fcgi_stream_is_blocked(const struct fcgi_stream *stream);
/* Adds the end of the response: with it the client sees a complete transfer. 0, or -1 as above. */
int fcgi_stream_finish(struct fcgi_stream *stream) MUST_CHECK;

#endif
