/* One line per event on stderr: time, level, program, event, key=value ..., as logfmt or JSON. */
#ifndef BLOX_UTIL_LOG_H
#define BLOX_UTIL_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"
#include "util/log_record.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* These three before the first thread starts. The program's name is borrowed for the process' life;
 * level and format are then "info" and "auto". */
void log_init(const char *program);
/* "debug", "info", "warn" or "error"; false, and nothing changed, for anything else. */
bool log_set_level(const char *name);
/* "logfmt", "json", or "auto": logfmt on a terminal and JSON elsewhere; false as above. */
bool log_set_format(const char *name);
/* The request this thread works for, put on each of its lines as request=<id>; NULL ends it.
 * The text is borrowed until then. */
void log_request(const char *request_id);
/* Who this thread works for, and the request's id where it comes from: actor=... api_request=... on
 * each line. NULL or "": not told. Borrowed like the request's id. */
void log_actor(const char *actor, const char *api_request_id);

/* `event` is a fixed dotted name ("drift.repaired"). fmt is read by log_record.h's rules:
 * `key=value` pairs, values with spaces in quotes: text="%s". Whatever the arguments contain, they
 * stay inside their value. Use "%s" and "" where there is nothing to add. */
void log_line(enum log_level level, const char *event, const char *fmt, ...) PRINTF(3, 4);

#define log_debug(event, ...) log_line(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...)  log_line(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...)  log_line(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) log_line(LOG_LEVEL_ERROR, event, __VA_ARGS__)

/* What was told last of something that lasts; begins zeroed, one thread's own. */
struct log_repeat {
    char text[256]; /* "": nothing */
    int64_t at_ms;
};

#define LOG_REPEAT_MS 60000

/* Whether `text` is to be told at now_ms: it is another than the last time, or that was
 * LOG_REPEAT_MS ago. Who looks at the end of a log then sees what still goes on. */
bool log_is_due(struct log_repeat *told, const char *text, int64_t now_ms);

/* Says at level error why the program ends, and gives the exit status for main to return:
 * 64 (EX_USAGE) for ERR_INVALID, 69 (EX_UNAVAILABLE) for ERR_UNAVAILABLE, else 1. */
int log_fatal(const struct error *err);

#endif
