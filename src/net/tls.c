/* TLS by OpenSSL on a non-blocking socket: each step says what it waits for, the caller waits. */
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "util/mem.h"

struct tls_context {
    SSL_CTX *ssl;
};

struct tls {
    SSL *ssl;
    char *host;
};

/* The library's oldest complaint, as text; empties its queue. */
static const char *library_says(void)
{
    unsigned long code = ERR_get_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;

    if (code && ERR_SYSTEM_ERROR(code)) {
        text = strerror(ERR_GET_REASON(code));
    }

    ERR_clear_error();
    return text ? text : "no details";
}

struct tls_context *tls_context_new(const char *ca_file, struct error *err)
{
    AUTO(tls_context) *context = xcalloc(1, sizeof(*context));

    context->ssl = SSL_CTX_new(TLS_client_method());
    if (!context->ssl) {
        error_set(err, ERR_INTERNAL, "TLS: %s", library_says());
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context->ssl,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int loaded = ca_file ? SSL_CTX_load_verify_locations(context->ssl, ca_file, NULL)
                         : SSL_CTX_set_default_verify_paths(context->ssl);

    if (loaded != 1) {
        error_set(err, ERR_INVALID, "TLS: cannot read the trusted certificates in %s: %s",
                  ca_file ? ca_file : "the system's store", library_says());
        return NULL;
    }
    return TAKE(context);
}

void tls_context_free(struct tls_context *context)
{
    if (!context) {
        return;
    }
    SSL_CTX_free(context->ssl);
    free(context);
}

/* Names go into SNI and the check; addresses into the check alone. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    char *name = (char *)(uintptr_t)host; /* the macro casts, which clang reports for a const */

    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, host) == 1;
}

struct tls *tls_new(struct tls_context *context, int fd, const char *host, struct error *err)
{
    AUTO(tls) *tls = xcalloc(1, sizeof(*tls));

    tls->host = xstrdup(host);
    tls->ssl = SSL_new(context->ssl);
    if (!tls->ssl || SSL_set_fd(tls->ssl, fd) != 1 || !expect_host(tls->ssl, host)) {
        error_set(err, ERR_INTERNAL, "TLS: %s", library_says());
        return NULL;
    }
    SSL_set_connect_state(tls->ssl);
    return TAKE(tls);
}

void tls_free(struct tls *tls)
{
    if (!tls) {
        return;
    }
    SSL_free(tls->ssl);
    free(tls->host);
    free(tls);
}

/* Turns a result that is not a success into ours. */
static ssize_t explain(struct tls *tls, int result, const char *doing, struct error *err)
{
    int system = errno;

    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return error_set(err, ERR_UNAVAILABLE, "the peer closed the connection");
    case SSL_ERROR_SYSCALL:
        ERR_clear_error();
        return error_set(err, ERR_UNAVAILABLE, "TLS %s: %s", doing,
                         system ? strerror(system) : "the peer closed the connection");
    default:
        break;
    }
    long verified = SSL_get_verify_result(tls->ssl);

    if (verified != X509_V_OK) {
        ERR_clear_error();
        return error_set(err, ERR_DENIED, "TLS: the certificate of \"%s\" is not trusted: %s",
                         tls->host, X509_verify_cert_error_string(verified));
    }
    return error_set(err, ERR_UNAVAILABLE, "TLS %s: %s", doing, library_says());
}

ssize_t tls_handshake(struct tls *tls, struct error *err)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);

    return result == 1 ? 1 : explain(tls, result, "handshake", err);
}

/* SSL_read and SSL_write count in int. */
#define STEP_LEN_MAX (1U << 20)

ssize_t tls_read(struct tls *tls, void *out, size_t size, struct error *err)
{
    ERR_clear_error();
    int n = SSL_read(tls->ssl, out, (int)(size < STEP_LEN_MAX ? size : STEP_LEN_MAX));

    return n > 0 ? n : explain(tls, n, "read", err);
}

ssize_t tls_write(struct tls *tls, const void *bytes, size_t len, struct error *err)
{
    ERR_clear_error();
    int n = SSL_write(tls->ssl, bytes, (int)(len < STEP_LEN_MAX ? len : STEP_LEN_MAX));

    return n > 0 ? n : explain(tls, n, "write", err);
}

int tls_pending(const struct tls *tls)
{
    return SSL_pending(tls->ssl);
}
