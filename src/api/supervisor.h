/* The parent of the API workers: owns the listening sockets, so that a worker which dies takes only
 * its own requests with it, and starts another in its place. */
#ifndef BLOX_API_SUPERVISOR_H
#define BLOX_API_SUPERVISOR_H

#include "net/monitor.h"
#include "util/error.h"

enum api_socket {
    SOCKET_SCHEDULER,
    SOCKET_STATE,
    SOCKET_STREAM, /* the state's routes, too; apart, so that streams which come by the thousand
                      delay nobody */
    N_SOCKETS,
};

#define API_METRICS_LISTEN "127.0.0.1:9464" /* unless something else is said */

struct supervisor_options {
    const char *socket_dir; /* gets scheduler.sock, state.sock and stream.sock */
    int workers;
    const char *metrics_listen; /* see net/monitor.h */
    /* A worker's whole life, in a process of its own; gives its exit status. */
    int (*work)(void *ctx, const int fds[N_SOCKETS]);
    /* Called before each worker begins, and every few seconds. */
    void (*tick)(void *ctx);
    void *ctx;
};

/*
 * Runs until a stop was asked for (util/signals.h, caught before; no thread may have been started).
 * Errors: ERR_UNAVAILABLE when another supervisor owns the directory or it cannot be used,
 * ERR_INVALID when the path or, as a worker found, another setting is wrong.
 */
int supervisor_run(const struct supervisor_options *options, struct error *err) MUST_CHECK;

#endif
