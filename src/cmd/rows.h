/* Rows of option tables which several programs have: the member they fill has the same name in each
 * program's `struct settings`, and AT(member) is its place there. */
#ifndef BLOX_CMD_ROWS_H
#define BLOX_CMD_ROWS_H

#include "util/config.h"

#define TEXT_ROW(name, variable, value, fallback, help, member)                                    \
    {                                                                                              \
        name, OPTION_TEXT, variable, value, fallback, 0, 0, help, AT(member)                       \
    }

#define ROWS_OF_REDIS                                                                              \
    TEXT_ROW("redis-url", NULL, "URL", "redis://127.0.0.1:6379",                                   \
             "Where the state lives: redis://, rediss://, unix:// or redis+sentinel://.",          \
             redis_url),                                                                           \
        TEXT_ROW("redis-ca-file", NULL, "FILE", NULL,                                              \
                 "Certificates which rediss:// trusts, in PEM; the system's if not set.",          \
                 redis_ca_file)

#define ROWS_OF_AWS                                                                                \
    TEXT_ROW("region", "AWS_REGION", "NAME", NULL,                                                 \
             "AWS region; else AWS_DEFAULT_REGION's or the profile's.", region),                   \
        TEXT_ROW("profile", "AWS_PROFILE", "NAME", NULL, "Profile in AWS' own files.", profile),   \
        TEXT_ROW("aws-endpoint", "AWS_ENDPOINT_URL", "URL", NULL,                                  \
                 "Where AWS is, if not at its own addresses.", endpoint),                          \
        TEXT_ROW("aws-endpoint-ecs", "AWS_ENDPOINT_URL_ECS", "URL", NULL,                          \
                 "The same for ECS alone.", endpoint_ecs)

/* `address` is where the program listens when nothing is said. */
#define ROW_OF_METRICS(address)                                                                    \
    TEXT_ROW("metrics-listen", NULL, "ADDRESS", NULL,                                              \
             "Where /metrics, /livez and /readyz are, or off. Default: " address                   \
             ", if it is free.",                                                                   \
             metrics_listen)

#endif
