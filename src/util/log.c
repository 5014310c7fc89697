/* Log lines are made in a buffer of their own and leave in one write, so threads do not mix. */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "util/clock.h"

#define LOG_LINE_MAX 2048 /* bytes of one line; longer ones are cut */

static const char *program = "blox";
static enum log_level threshold = LOG_LEVEL_INFO;
static __thread const char *request_id;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_init(const char *name, enum log_level level)
{
    program = name;
    threshold = level;
}

bool log_level_parse(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (streq(name, level_names[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_request(const char *id)
{
    request_id = id;
}

/* Copies text to out (size bytes with the NUL), control characters as \xNN. */
static void escape_controls(const char *text, char *out, size_t size)
{
    size_t n = 0;

    for (; *text && n + 5 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7F) {
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
        } else {
            out[n++] = (char)c;
        }
    }
    out[n] = '\0';
}

void log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    char text[LOG_LINE_MAX];
    char safe[LOG_LINE_MAX];
    char line[LOG_LINE_MAX + 256];
    char now[CLOCK_ISO_LEN];
    va_list args;

    if (level < threshold) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    escape_controls(text, safe, sizeof(safe));
    clock_format_iso_ms(clock_wall_ms(), now);
    int n = snprintf(line, sizeof(line), "%s %s %s %s%s%s%s%s\n", now, level_names[level], program,
                     event, request_id ? " request=" : "", request_id ? request_id : "",
                     safe[0] ? " " : "", safe);
    size_t len = n < (int)sizeof(line) ? (size_t)n : sizeof(line) - 1;
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
