/* TLS for a client's socket, with the host's name verified. The door to libssl. */
#ifndef BLOX_NET_TLS_H
#define BLOX_NET_TLS_H

#include <stddef.h>
#include <sys/types.h>

#include "util/attr.h"
#include "util/error.h"

/* Whom to trust; may be shared by any number of connections and threads. */
struct tls_context;
/* ca_file: certificates in PEM, or NULL for the system's. Errors: ERR_INVALID (unreadable file). */
struct tls_context *tls_context_new(const char *ca_file, struct error *err) MUST_CHECK;
void tls_context_free(struct tls_context *context);
AUTO_DEFINE(tls_context);

/* One connection over a non-blocking socket, which stays the caller's. The program ignores SIGPIPE
 * (util/signals.h). host is the name (or address) the certificate must be for. */
struct tls;
struct tls *tls_new(struct tls_context *context, int fd, const char *host,
                    struct error *err) MUST_CHECK;
void tls_free(struct tls *tls);
AUTO_DEFINE(tls);

/* What a step came to: a count of bytes above 0 (1 for the handshake), or one of these. */
enum tls_step {
    TLS_FAILED = -1,     /* err says why */
    TLS_WANT_READ = -2,  /* again when the socket is readable */
    TLS_WANT_WRITE = -3, /* again when the socket is writable */
};

/* Errors of all three: ERR_UNAVAILABLE, also when the peer closed; ERR_DENIED where its certificate
 * is not to be trusted. A write which waits is repeated with the same bytes. */
ssize_t tls_handshake(struct tls *tls, struct error *err);
ssize_t tls_read(struct tls *tls, void *out, size_t size, struct error *err);
ssize_t tls_write(struct tls *tls, const void *bytes, size_t len, struct error *err);
/* Whether bytes were decrypted which nobody has read yet. */
int tls_pending(const struct tls *tls);

#endif
