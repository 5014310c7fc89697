/* Rows of option tables which several programs have: the member they fill has the same name in each
 * program's `struct settings`, and AT(member) is its place there. */
#ifndef BLOX_CMD_ROWS_H
#define BLOX_CMD_ROWS_H

#include "util/config.h"

#define ROWS_OF_REDIS                                                                              \
    {"redis-url",                                                                                  \
     OPTION_TEXT,                                                                                  \
     NULL,                                                                                         \
     "URL",                                                                                        \
     "redis://127.0.0.1:6379",                                                                     \
     0,                                                                                            \
     0,                                                                                            \
     "Where the state lives: redis://, rediss://, unix:// or redis+sentinel://.",                  \
     AT(redis_url)},                                                                               \
    {                                                                                              \
        "redis-ca-file", OPTION_TEXT, NULL, "FILE", NULL, 0, 0,                                    \
            "Certificates which rediss:// trusts, in PEM; the system's if not set.",               \
            AT(redis_ca_file)                                                                      \
    }

#define ROWS_OF_AWS                                                                                \
    {"region",                                                                                     \
     OPTION_TEXT,                                                                                  \
     "AWS_REGION",                                                                                 \
     "NAME",                                                                                       \
     NULL,                                                                                         \
     0,                                                                                            \
     0,                                                                                            \
     "AWS region; else AWS_DEFAULT_REGION's or the profile's.",                                    \
     AT(region)},                                                                                  \
        {"profile",  OPTION_TEXT, "AWS_PROFILE", "NAME", NULL, 0, 0, "Profile in AWS' own files.", \
         AT(profile)},                                                                             \
        {"aws-endpoint",                                                                           \
         OPTION_TEXT,                                                                              \
         "AWS_ENDPOINT_URL",                                                                       \
         "URL",                                                                                    \
         NULL,                                                                                     \
         0,                                                                                        \
         0,                                                                                        \
         "Where AWS is, if not at its own addresses.",                                             \
         AT(endpoint)},                                                                            \
    {                                                                                              \
        "aws-endpoint-ecs", OPTION_TEXT, "AWS_ENDPOINT_URL_ECS", "URL", NULL, 0, 0,                \
            "The same for ECS alone.", AT(endpoint_ecs)                                            \
    }

/* `address` is where the program listens when nothing is said. */
#define ROW_OF_METRICS(address)                                                                    \
    {                                                                                              \
        "metrics-listen", OPTION_TEXT, NULL, "ADDRESS", NULL, 0, 0,                                \
            "Where /metrics, /livez and /readyz are, or off. Default: " address                    \
            ", if it is free.",                                                                    \
            AT(metrics_listen)                                                                     \
    }

#define ROWS_OF_LOG                                                                                \
    {"log-level",  OPTION_LOG_LEVEL, NULL, "LEVEL", "info", 0, 0, "debug, info, warn or error.",   \
     AT(log_level)},                                                                               \
    {                                                                                              \
        "log-format", OPTION_LOG_FORMAT, NULL, "FORMAT", "auto", 0, 0,                             \
            "auto, logfmt or json; auto is logfmt on a terminal and JSON elsewhere.",              \
            AT(log_format)                                                                         \
    }

#endif
