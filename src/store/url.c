/* Takes redis://, rediss://, unix:// and redis+sentinel:// URLs apart. */
#include "store/url.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "util/mem.h"

#define DB_MAX 9999 /* Redis has 16 by default */

static const struct {
    const char *text;
    bool tls, path, sentinel;
    int port;
} schemes[] = {
    {"redis://", false, false, false, REDIS_PORT},
    {"rediss://", true, false, false, REDIS_PORT},
    {"unix://", false, true, false, 0},
    {"redis+sentinel://", false, false, true, SENTINEL_PORT},
};

/* A number from 0 to max which is the whole text. */
static bool parse_number(const char *text, int max, int *out)
{
    char *end = NULL;

    errno = 0;
    long n = strtol(text, &end, 10);

    if (!isdigit((unsigned char)text[0]) || *end || errno || n > max) {
        return false;
    }
    *out = (int)n;
    return true;
}

/* Replaces %XX in place; false for anything else behind a %. */
static bool decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        if (!isxdigit((unsigned char)from[1]) || !isxdigit((unsigned char)from[2])) {
            return false;
        }
        const char digits[] = {from[1], from[2], '\0'};

        *to++ = (char)strtol(digits, NULL, 16);
        from += 2;
    }
    *to = '\0';
    return true;
}

/* "[user]:password@" or "password-less user@" in front of the hosts; gives what follows. */
static char *parse_login(char *text, struct redis_url *url, struct error *err)
{
    char *end = text + strcspn(text, "/");
    char *at = memrchr(text, '@', (size_t)(end - text));

    if (!at && end > text && strchr(end, '@')) {
        error_set(err, ERR_INVALID, "in user and password a / is written %%2F");
        return NULL;
    }
    if (!at) {
        return text;
    }
    *at = '\0';
    char *colon = strchr(text, ':');

    if (colon) {
        *colon = '\0';
        url->password = xstrdup(colon + 1);
    }
    url->user = text[0] ? xstrdup(text) : NULL;
    if ((url->user && !decode(url->user)) || (url->password && !decode(url->password))) {
        error_set(err, ERR_INVALID, "user and password: want two hexadecimal digits after a %%");
        return NULL;
    }
    if (url->user && !url->password) {
        error_set(err, ERR_INVALID, "a user needs a password: user:password@");
        return NULL;
    }
    return at + 1;
}

/* "name", "name:port", "[address]:port". */
static int parse_host(char *text, int default_port, struct redis_host *out, struct error *err)
{
    char *name = text;
    char *rest = NULL;
    int port = default_port;

    if (*text == '[') {
        name = text + 1;
        rest = strchr(name, ']');
        if (!rest) {
            return error_set(err, ERR_INVALID, "a [ needs its ]");
        }
        *rest++ = '\0';
    } else {
        rest = text + strcspn(text, ":");
    }
    if (*rest && *rest != ':') {
        return error_set(err, ERR_INVALID, "want :port after the ]");
    }
    if (*rest && (!parse_number(rest + 1, 65535, &port) || port == 0)) {
        return error_set(err, ERR_INVALID, "the port is a number from 1 to 65535");
    }
    *rest = '\0';
    if (!*name) {
        return error_set(err, ERR_INVALID, "the host is missing");
    }
    *out = (struct redis_host){.name = xstrdup(name), .port = port};
    return 0;
}

static int parse_hosts(char *text, bool several, int default_port, struct redis_url *url,
                       struct error *err)
{
    char *next = text;

    while (next) {
        char *host = next;

        next = several ? strchr(host, ',') : NULL;
        if (next) {
            *next++ = '\0';
        }
        if (url->n_hosts == REDIS_HOSTS) {
            return error_set(err, ERR_INVALID, "at most %d sentinels", REDIS_HOSTS);
        }
        if (parse_host(host, default_port, &url->hosts[url->n_hosts], err) < 0) {
            return -1;
        }
        url->n_hosts++;
    }
    return 0;
}

/* hosts, then "/name" with sentinels, then "/db". */
static int parse_rest(char *text, bool sentinel, int default_port, struct redis_url *url,
                      struct error *err)
{
    char *path = strchr(text, '/');

    if (path) {
        *path++ = '\0';
    }
    if (sentinel) {
        char *db = path ? strchr(path, '/') : NULL;

        if (db) {
            *db++ = '\0';
        }
        if (!path || !*path) {
            return error_set(err, ERR_INVALID,
                             "the name of the primary is missing: "
                             "redis+sentinel://host:port,host:port/name");
        }
        url->master = xstrdup(path);
        path = db;
    }
    if (path && *path && !parse_number(path, DB_MAX, &url->db)) {
        return error_set(err, ERR_INVALID, "want a database from /0 to /%d", DB_MAX);
    }
    return parse_hosts(text, sentinel, default_port, url, err);
}

struct redis_url *redis_url_parse(const char *text, struct error *err)
{
    AUTO(redis_url) *url = xcalloc(1, sizeof(*url));

    for (size_t s = 0; s < ARRAY_LEN(schemes); s++) {
        size_t len = strlen(schemes[s].text);

        if (strncmp(text, schemes[s].text, len) != 0) {
            continue;
        }
        AUTO_CHAR *copy = xstrdup(text + len);
        char *rest = parse_login(copy, url, err);

        url->tls = schemes[s].tls;
        if (!rest) {
            error_prefix(err, "Redis URL");
            return NULL;
        }
        if (schemes[s].path) {
            if (rest[0] != '/' || !rest[1]) {
                error_set(err, ERR_INVALID, "Redis URL: want a full path: unix:///run/redis.sock");
                return NULL;
            }
            if (strchr(rest, '?')) { /* others take a password there: nothing to show */
                error_set(err, ERR_INVALID,
                          "Redis URL: nothing may follow the path: unix://user:password@/path");
                return NULL;
            }
            url->path = xstrdup(rest);
            return TAKE(url);
        }
        if (parse_rest(rest, schemes[s].sentinel, schemes[s].port, url, err) < 0) {
            error_prefix(err, "Redis URL");
            return NULL;
        }
        return TAKE(url);
    }
    error_set(err, ERR_INVALID,
              "Redis URL: want redis://, rediss://, unix:// or redis+sentinel://");
    return NULL;
}

void redis_url_free(struct redis_url *url)
{
    if (!url) {
        return;
    }
    for (size_t h = 0; h < url->n_hosts; h++) {
        free(url->hosts[h].name);
    }
    free(url->user);
    free(url->password);
    free(url->path);
    free(url->master);
    free(url);
}
