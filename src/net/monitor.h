/* A program's own listener, for those who watch it: /metrics (also at /), /livez and /readyz. */
#ifndef BLOX_NET_MONITOR_H
#define BLOX_NET_MONITOR_H

#include "http/health.h"
#include "net/server.h"

#define MONITOR_OFF "off"

struct monitor_options {
    const char *address;   /* --metrics-listen: ADDRESS:PORT, MONITOR_OFF, or NULL: the default */
    const char *standard;  /* the default; when it is taken the program goes on without */
    enum server_mode mode; /* SERVER_THREAD, or SERVER_POLLED for a program that forks */
    void (*live)(void *ctx, struct health *health);
    void (*ready)(void *ctx, struct health *health);
    void *ctx;
};

struct monitor;

/*
 * Opens it, after metrics_open. *out is NULL when there is to be none, and when the default address
 * is taken: then *warning says so (else ""). Errors: ERR_INVALID, ERR_UNAVAILABLE for an address
 * that was asked for.
 */
int monitor_open(const struct monitor_options *options, struct monitor **out, char warning[256],
                 struct error *err) MUST_CHECK;
void monitor_free(struct monitor *monitor);
AUTO_DEFINE(monitor);
/* For polling and for forking. */
struct server *monitor_server(struct monitor *monitor);

#endif
