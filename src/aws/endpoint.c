/* Default endpoints of all partitions, and the reading of a given one. */
#include "aws/endpoint.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>

#include "util/mem.h"

/* Source: the partitions file the AWS SDKs share. The first prefix that fits decides. */
static const struct {
    const char *region_prefix;
    const char *suffix;
} partitions[] = {
    {"cn-", "amazonaws.com.cn"},    {"us-iso-", "c2s.ic.gov"},      {"us-isob-", "sc2s.sgov.gov"},
    {"us-isof-", "csp.hci.ic.gov"}, {"eu-isoe-", "cloud.adc-e.uk"}, {"eusc-", "amazonaws.eu"},
    {"", "amazonaws.com"}, /* the public one and us-gov */
};

static char *default_url(const char *service, const char *region)
{
    size_t p = 0;

    while (strncmp(region, partitions[p].region_prefix, strlen(partitions[p].region_prefix)) != 0) {
        p++;
    }
    return xasprintf("https://%s.%s.%s", service, region, partitions[p].suffix);
}

/* The length of host and port, without the port that the scheme implies; 0: not valid. */
static size_t host_len(const char *host, const char *default_port)
{
    size_t len = strcspn(host, "/");
    size_t name_len = strcspn(host, ":/");

    if (*host == '[') { /* an IPv6 address */
        name_len = strcspn(host, "]/") + 1;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)host[i]) && !strchr(".-_:[]", host[i])) {
            return 0;
        }
    }
    if (name_len == 0 || name_len > len) {
        return 0;
    }
    if (len - name_len == strlen(default_port) &&
        strncmp(host + name_len, default_port, len - name_len) == 0) {
        return name_len;
    }
    return len;
}

int endpoint_init(struct endpoint *endpoint, const char *service, const char *region,
                  const char *given, struct error *err)
{
    AUTO_CHAR *url = given && *given ? xstrdup(given) : default_url(service, region);

    while (*url && url[strlen(url) - 1] == '/') {
        url[strlen(url) - 1] = '\0';
    }
    bool tls = strncmp(url, "https://", 8) == 0;
    bool plain = strncmp(url, "http://", 7) == 0;
    const char *host = url + (tls ? 8 : plain ? 7 : strlen(url));
    const char *path = host + strcspn(host, "/");
    size_t len = host_len(host, tls ? ":443" : ":80");

    if (len == 0 || path[strcspn(path, "?# ")] != '\0') {
        return error_set(err, ERR_INVALID,
                         "endpoint of %s: want http:// or https:// and host[:port], got \"%s\"",
                         service, given);
    }
    endpoint->host = xmemdup0(host, len);
    endpoint->path = xstrdup(*path ? path : "/");
    endpoint->url = TAKE(url);
    return 0;
}

void endpoint_clear(struct endpoint *endpoint)
{
    free(endpoint->url);
    free(endpoint->host);
    free(endpoint->path);
    *endpoint = (struct endpoint){0};
}
