/* Log lines are made in a buffer of their own and leave in one write, so threads do not mix. */
#include "util/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/metrics.h"

static const char *program = "blox";
static enum log_level threshold = LOG_LEVEL_INFO;
static enum log_format format;
static __thread const char *request_id;
static __thread const char *actor;
static __thread const char *api_request_id;

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"auto", "logfmt", "json"};

void log_init(const char *name, enum log_level level)
{
    program = name;
    threshold = level;
    log_set_format(LOG_FORMAT_AUTO);
}

void log_set_format(enum log_format wanted)
{
    format = wanted != LOG_FORMAT_AUTO ? wanted
             : isatty(STDERR_FILENO)   ? LOG_FORMAT_LOGFMT
                                       : LOG_FORMAT_JSON;
}

static bool find_name(const char *const *names, size_t n, const char *name, size_t *out)
{
    for (size_t i = 0; i < n; i++) {
        if (streq(name, names[i])) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool log_level_parse(const char *name, enum log_level *out)
{
    size_t found = 0;

    if (!find_name(level_names, ARRAY_LEN(level_names), name, &found)) {
        return false;
    }
    *out = (enum log_level)found;
    return true;
}

bool log_format_parse(const char *name, enum log_format *out)
{
    size_t found = 0;

    if (!find_name(format_names, ARRAY_LEN(format_names), name, &found)) {
        return false;
    }
    *out = (enum log_format)found;
    return true;
}

void log_request(const char *id)
{
    request_id = id;
}

void log_actor(const char *who, const char *api_id)
{
    actor = who;
    api_request_id = api_id;
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    const struct log_record record = {
        .at_ms = clock_wall_ms(),
        .level = level_names[level],
        .program = program,
        .event = event,
        .request = request_id,
        .actor = actor,
        .api_request = api_request_id,
    };
    char line[LOG_LINE_MAX];
    va_list args;

    if (level < threshold) {
        return;
    }
    va_start(args, fmt);
    size_t len = log_render(format, &record, fmt, args, line);
    va_end(args);
    metric_add(METRIC_LOG_LINES, level, 1);
    ssize_t ignored = write(STDERR_FILENO, line, len);

    (void)ignored; /* there is nobody left to tell */
}

int log_fatal(const struct error *err)
{
    log_error("exit", "code=%s text=\"%s\"", error_code_name(err->code), err->text);
    switch (err->code) {
    case ERR_INVALID:
        return EX_USAGE;
    case ERR_UNAVAILABLE:
        return EX_UNAVAILABLE;
    default:
        return EXIT_FAILURE;
    }
}
