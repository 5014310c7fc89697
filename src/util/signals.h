/*
 * SIGTERM and SIGINT ask for an orderly stop. All signals are blocked in every thread (libfcgi does
 * not retry EINTR), and one descriptor becomes readable when a stop was asked for.
 */
#ifndef BLOX_UTIL_SIGNALS_H
#define BLOX_UTIL_SIGNALS_H

#include <stdbool.h>

#include "util/attr.h"
#include "util/error.h"

/* Blocks the signals; call in main before the first thread. SIGPIPE is ignored. */
int signals_catch(struct error *err) MUST_CHECK;
/* Readable (signalfd) when SIGTERM, SIGINT or SIGHUP came; for poll. */
int signals_fd(void);
/* Waits up to timeout_ms (-1: for ever); true when a stop was asked for (remembered). */
bool signals_wait_stop(int timeout_ms);

#endif
