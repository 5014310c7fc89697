/* Names to addresses, with a deadline. */
#ifndef BLOX_NET_RESOLVE_H
#define BLOX_NET_RESOLVE_H

#include <stdint.h>
#include <sys/socket.h>

#include "util/attr.h"
#include "util/error.h"

#define ADDRESSES_MAX 16

struct addresses {
    size_t n;
    struct {
        struct sockaddr_storage storage;
        socklen_t len;
    } items[ADDRESSES_MAX];
};

/* The addresses of a host, the preferred one first, at least one. Errors: ERR_UNAVAILABLE. */
struct addresses *addresses_resolve(const char *host, int port, int64_t deadline_ms,
                                    struct error *err) MUST_CHECK;
void addresses_free(struct addresses *addresses);
AUTO_DEFINE(addresses);

#endif
