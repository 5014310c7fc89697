/* Default endpoints of all partitions, and the reading of a given one. */
#include "aws/endpoint.h"

#include <stdlib.h>

#include "http/url.h"
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

int endpoint_init(struct endpoint *endpoint, const char *service, const char *region,
                  const char *given, struct error *err)
{
    AUTO_CHAR *url = given && *given ? xstrdup(given) : default_url(service, region);

    while (*url && url[strlen(url) - 1] == '/') {
        url[strlen(url) - 1] = '\0';
    }
    struct url parts;

    if (!url_parse(url, &parts) || parts.path[strcspn(parts.path, "?# ")] != '\0') {
        return error_set(err, ERR_INVALID,
                         "endpoint of %s: want http:// or https:// and host[:port], got \"%s\"",
                         service, given);
    }
    int len = (int)parts.host_len;

    endpoint->host = parts.port == (parts.tls ? 443 : 80)
                         ? xmemdup0(parts.host, parts.host_len)
                         : xasprintf("%.*s:%d", len, parts.host, parts.port);
    endpoint->path = xstrdup(*parts.path ? parts.path : "/");
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
