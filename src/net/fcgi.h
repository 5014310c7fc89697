/*
 * FastCGI: a pool of threads which answers the requests on one listening socket. The door to
 * libfcgi (2.4.2 with Debian's fix of CVE-2025-23016, or later).
 */
#ifndef BLOX_NET_FCGI_H
#define BLOX_NET_FCGI_H

#include <stdbool.h>

#include "http/message.h"
#include "util/error.h"

struct fcgi_options {
    int listen_fd; /* non-blocking; other processes may share it; stays the caller's */
    int threads;   /* requests answered at once; 1 or more */
    /* Answers one request; called from any of the threads. */
    void (*serve)(void *ctx, struct http_request *req, struct http_response *resp);
    void *ctx;
};

/* Starts the threads, which block all signals. ERR_INTERNAL when there are no descriptors or
 * threads left. */
struct fcgi *fcgi_open(const struct fcgi_options *options, struct error *err) MUST_CHECK;
/* Takes no new request; does not wait. */
void fcgi_stop(struct fcgi *fcgi);
/* Waits for the requests under way after fcgi_stop. False when timeout_ms is over: a thread still
 * works then, and nothing it uses may be freed. */
bool fcgi_wait(struct fcgi *fcgi, int timeout_ms) MUST_CHECK;
/* Only when fcgi_wait said true, or for NULL. */
void fcgi_free(struct fcgi *fcgi);

#endif
