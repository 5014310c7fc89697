/* Where the host of a URL ends, and whether it is one. */
#include "http/url.h"

#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define PORT_LEN_MAX 5
#define PORT_MAX     65535

/* The length of what the text begins with; 0: that is no host. */
static size_t host_len(const char *text)
{
    if (*text != '[') {
        return strspn(text, ALPHANUMERIC "-._");
    }
    size_t len = strspn(text + 1, ALPHANUMERIC ":.");

    return len > 0 && text[1 + len] == ']' ? len + 2 : 0;
}

/* Reads ":8080"; gives what follows, or NULL. */
static const char *read_port(const char *text, int *port)
{
    const char *c = text + 1;

    for (*port = 0; *c >= '0' && *c <= '9' && c <= text + PORT_LEN_MAX; c++) {
        *port = *port * 10 + (*c - '0');
    }
    return *port >= 1 && *port <= PORT_MAX ? c : NULL;
}

bool url_parse(const char *text, struct url *out)
{
    bool tls = strncmp(text, "https://", 8) == 0;

    if (!tls && strncmp(text, "http://", 7) != 0) {
        return false;
    }
    const char *host = text + (tls ? 8 : 7);
    size_t len = host_len(host);
    const char *path = host + len;
    int port = tls ? 443 : 80;

    if (len > 0 && *path == ':') {
        path = read_port(path, &port);
    }
    if (len == 0 || !path || (*path != '\0' && *path != '/')) {
        return false;
    }
    *out = (struct url){.tls = tls, .host = host, .host_len = len, .port = port, .path = path};
    return true;
}
