/* http:// and https:// URLs, taken apart. */
#ifndef BLOX_HTTP_URL_H
#define BLOX_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>

struct url { /* borrows the text */
    bool tls;
    const char *host; /* a name, an IPv4 address, or an IPv6 address in brackets */
    size_t host_len;
    int port;         /* the scheme's own when none is said */
    const char *path; /* with the query; "" or from a slash on */
};

/* False for other schemes, user names, ports beyond 1 to 65535, and bytes which no host has. */
bool url_parse(const char *text, struct url *out);

#endif
