/* Writes JSON straight into a text, for the answers and events that are made by the thousand. */
#ifndef BLOX_SIM_EMIT_H
#define BLOX_SIM_EMIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/strbuf.h"

struct emit {
    struct strbuf *out;
    bool follows; /* a value stands before: a comma is due */
};

/* The key is NULL for the elements of an array and for the outermost value. */
void emit_open(struct emit *e, const char *key, char bracket); /* '{' or '[' */
void emit_close(struct emit *e, char bracket);                 /* '}' or ']' */
void emit_text(struct emit *e, const char *key, const char *value);
void emit_text_len(struct emit *e, const char *key, const char *value, size_t len);
void emit_text_if(struct emit *e, const char *key, const char *value); /* NULL or "": nothing */
void emit_int(struct emit *e, const char *key, int64_t value);
void emit_int_as_text(struct emit *e, const char *key, int64_t value);
void emit_real(struct emit *e, const char *key, double value); /* 0.0 rather than 0 */
void emit_bool(struct emit *e, const char *key, bool value);
void emit_json(struct emit *e, const char *key, const json_t *value);
/* The two forms of a time; 0 writes nothing. Seconds with a fraction as in ECS' answers, RFC 3339
 * as in events. */
void emit_epoch(struct emit *e, const char *key, int64_t at_ms);
void emit_iso(struct emit *e, const char *key, int64_t at_ms);

#endif
