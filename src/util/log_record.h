/*
 * One log line as bytes: logfmt for people, JSON for machines. The format string of a log call is
 * the schema: it names the members, and its conversions give their types, so no argument can forge
 * a member.
 */
#ifndef BLOX_UTIL_LOG_RECORD_H
#define BLOX_UTIL_LOG_RECORD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 4096 /* bytes of one line, its newline included; longer values are cut */

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_record {
    int64_t at_ms;
    const char *level;
    const char *program;
    const char *event;
    const char *request;     /* or NULL, */
    const char *actor;       /* as these two, */
    const char *api_request; /* which may be "", too */
};

/*
 * Writes the line and its newline to out, and gives its length. fmt is `key=value` pairs with
 * single spaces between them; a value has spaces of its own only in quotes: `text="%s"`. Its
 * conversions are %s, %.<n>s, %d, %u with l, ll, z, j, and %%. A value that is one integer
 * conversion becomes a JSON number, any other a string. Invalid UTF-8 is replaced by U+FFFD.
 */
size_t log_render(enum log_format format, const struct log_record *record, const char *fmt,
                  va_list args, char out[LOG_LINE_MAX]);

#endif
