/* Where Redis is: the URL people write, taken apart. */
#ifndef BLOX_STORE_URL_H
#define BLOX_STORE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "util/attr.h"
#include "util/error.h"

#define REDIS_PORT    6379
#define SENTINEL_PORT 26379
#define REDIS_HOSTS   16 /* sentinels in one URL */

struct redis_host {
    char *name;
    int port;
};

struct redis_url {
    char *user;     /* or NULL */
    char *password; /* or NULL */
    int db;
    bool tls;
    char *path;                           /* of the unix socket, or NULL */
    char *master;                         /* the name sentinels know it by, or NULL */
    struct redis_host hosts[REDIS_HOSTS]; /* one, or the sentinels */
    size_t n_hosts;
};

/*
 * redis://[[user]:password@]host[:port][/db], the same with rediss:// (TLS),
 * unix://[[user]:password@]/path, redis+sentinel://[[user]:password@]host[:port],.../name[/db].
 * User and password may hold %XX. Errors: ERR_INVALID; the text never shows the password.
 */
struct redis_url *redis_url_parse(const char *text, struct error *err) MUST_CHECK;
void redis_url_free(struct redis_url *url);
AUTO_DEFINE(redis_url);

#endif
