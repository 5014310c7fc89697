/* Unix sockets to listen on, and the lock which says whose they are. */
#ifndef BLOX_NET_LISTEN_H
#define BLOX_NET_LISTEN_H

#include "util/attr.h"
#include "util/error.h"

/*
 * A listening socket at dir/name, mode 0660, non-blocking, closed on exec. It replaces a socket
 * which an earlier process left there, in one step: whoever connects finds the old or the new one.
 * The descriptor, or -1: ERR_INVALID (the path is too long, or something else than a socket is in
 * the way), ERR_UNAVAILABLE (the directory does not let us).
 */
int listen_unix(const char *dir, const char *name, struct error *err) MUST_CHECK;

/*
 * Creates dir if it is missing and locks it for as long as the descriptor given back is open.
 * -1: ERR_UNAVAILABLE when another process has it, with its id, or when it cannot be written.
 */
int listen_lock(const char *dir, const char *name, struct error *err) MUST_CHECK;

#endif
