/*
 * A stream of bytes to a peer: TCP, unix socket, or TLS over TCP. Every wait has a deadline, in
 * milliseconds of clock_mono_ms, and may be ended by a descriptor which becomes readable.
 */
#ifndef BLOX_NET_TRANSPORT_H
#define BLOX_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/tls.h"

struct transport_target {
    const char *path; /* of a unix socket; or NULL, and then host and port */
    const char *host; /* a name is resolved again for each connection */
    int port;
    unsigned skip; /* how many of the name's addresses to leave to the end, counted round */
    struct tls_context *tls; /* NULL: plain */
};

struct transport;

/*
 * Resolves, connects and, with TLS, shakes hands. wake_fd (borrowed; -1: none) ends this and every
 * later wait when it is readable.
 *
 * Errors of every call here: ERR_UNAVAILABLE (refused, reset, closed, late, woken), ERR_DENIED (the
 * certificate is not to be trusted). After one the transport is of no more use.
 */
struct transport *transport_open(const struct transport_target *target, int wake_fd,
                                 int64_t deadline_ms, struct error *err) MUST_CHECK;
void transport_free(struct transport *transport);
AUTO_DEFINE(transport);

/* Writes all of it. */
int transport_write(struct transport *transport, const void *bytes, size_t len, int64_t deadline_ms,
                    struct error *err) MUST_CHECK;
/* Gives what has come, at least one byte and at most size; the end of the stream is an error. */
ssize_t transport_read(struct transport *transport, void *out, size_t size, int64_t deadline_ms,
                       struct error *err) MUST_CHECK;
/* Nothing has come and the peer has not closed: a kept connection is good for another request. */
bool transport_is_quiet(struct transport *transport);

#endif
