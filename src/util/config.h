/*
 * Settings of a program: one table feeds the parser, --help and the manual page. A flag beats the
 * environment, which beats the configuration file, which beats the default.
 *
 *     --redis-url URL   or  --redis-url=URL
 *     BLOX_REDIS_URL=URL    (or AWS' own name where `variable` gives one)
 *     redis-url = URL       in the file named by --config FILE or BLOX_CONFIG; # begins a comment
 *
 * --help, --version and --config are every program's own.
 */
#ifndef BLOX_UTIL_CONFIG_H
#define BLOX_UTIL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"

enum option_type {
    OPTION_TEXT,       /* char *, the settings' own; NULL when it has neither value nor default */
    OPTION_INT,        /* int64_t, min to max */
    OPTION_DURATION,   /* int64_t in milliseconds, min to max; written 500ms, 60s, 5m or 24h */
    OPTION_FLAG,       /* bool: --name or --name=true|false */
    OPTION_LOG_LEVEL,  /* goes to the log at once, and has no place in the settings */
    OPTION_LOG_FORMAT, /* the same */
};

struct option_spec {
    const char *name; /* without "--" */
    enum option_type type;
    const char *variable; /* NULL: BLOX_ and the name in capitals, - as _ */
    const char *value;    /* what --help calls it: "URL", "MS"; NULL for flags */
    const char *fallback; /* the default as text, or NULL */
    int64_t min, max;     /* of an OPTION_INT or OPTION_DURATION */
    const char *help;     /* one sentence, unit included */
    size_t offset;        /* in the program's struct of settings */
};

/* The log's options, for every program's table. */
#define LOG_OPTIONS                                                                                \
    LOG_OPTION("log-level", OPTION_LOG_LEVEL, "LEVEL", "info", "debug, info, warn or error."),     \
        LOG_OPTION("log-format", OPTION_LOG_FORMAT, "FORMAT", "auto",                              \
                   "auto, logfmt or json; auto is logfmt on a terminal and JSON elsewhere.")
#define LOG_OPTION(name, type, value, fallback, help)                                              \
    {                                                                                              \
        name, type, NULL, value, fallback, 0, 0, help, 0                                           \
    }

struct program_spec {
    const char *name;
    const char *summary; /* one line for --help */
    const struct option_spec *options;
    size_t n_options;
};

enum config_outcome { CONFIG_RUN, CONFIG_DONE /* --help or --version was answered: exit 0 */ };

/* Opens the log and fills *settings, which begins zeroed. Errors: ERR_INVALID, one line that names
 * the flag, variable or line of the file, and the nearest right flag for a misspelt one. */
int config_load(const struct program_spec *program, int argc, char **argv, void *settings,
                enum config_outcome *outcome, struct error *err) MUST_CHECK;
/* The same, then `run` unless outcome was CONFIG_DONE, and config_clear: all that a main does.
 * Gives its exit status, and a failure to the log. */
int program_main(const struct program_spec *program, int argc, char **argv, void *settings,
                 int (*run)(void *settings, struct error *err));
/* Frees the texts in *settings. */
void config_clear(const struct program_spec *program, void *settings);

#endif
