/* Log lines are made in a buffer of their own and leave in one write, so threads do not mix. */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
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

void log_init(const char *name)
{
    program = name;
    threshold = LOG_LEVEL_INFO;
    log_set_format("auto");
}

bool log_set_level(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (streq(name, level_names[i])) {
            threshold = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_set_format(const char *name)
{
    if (streq(name, "auto")) {
        name = isatty(STDERR_FILENO) ? "logfmt" : "json";
    }
    if (!streq(name, "logfmt") && !streq(name, "json")) {
        return false;
    }
    format = streq(name, "json") ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT;
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

bool log_is_due(struct log_repeat *told, const char *text, int64_t now_ms)
{
    if (strncmp(told->text, text, sizeof(told->text) - 1) == 0 &&
        now_ms - told->at_ms < LOG_REPEAT_MS) {
        return false;
    }
    snprintf(told->text, sizeof(told->text), "%s", text);
    told->at_ms = now_ms;
    return true;
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
