/*
 * JSON: jansson's values read with v0.3.0's rules, and its strings written with v0.3.0's escapes.
 *
 * Names match exactly or else without regard to case; `null` counts as absent; unknown names are
 * the caller's to ignore; of a name given twice the last counts.
 */
#ifndef BLOX_UTIL_JS_H
#define BLOX_UTIL_JS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/attr.h"
#include "util/error.h"
#include "util/strbuf.h"

/*
 * Parses one JSON value; nothing may follow it but white space. Broken UTF-8 and lone surrogates
 * become U+FFFD, as they always did. ERR_INVALID tells what is wrong and where: no JSON, nested
 * deeper than 512, an integer beyond 64 bits, a real beyond a double.
 */
json_t *js_parse(const char *text, size_t len, struct error *err) MUST_CHECK;
/*
 * The same for a text that may have most of its bytes in one string, which then never lies in
 * memory twice: what was read of the text is given back on the way (it is empty afterwards), and of
 * the outermost object's member `key` the string goes to `apart`, the value having an empty one.
 */
json_t *js_parse_apart(struct strbuf *text, const char *key, struct strbuf *apart,
                       struct error *err) MUST_CHECK;

/* The member, borrowed; NULL when there is none, when it is null, or when obj is no object. */
json_t *js_get(const json_t *obj, const char *key);

/*
 * Members of one type. An absent one leaves *out as it is; any other type is ERR_INVALID, "key:
 * want a string". What comes out is borrowed from obj.
 */
int js_get_string(const json_t *obj, const char *key, const char **out,
                  struct error *err) MUST_CHECK;
int js_get_int(const json_t *obj, const char *key, int64_t *out, struct error *err) MUST_CHECK;
int js_get_bool(const json_t *obj, const char *key, bool *out, struct error *err) MUST_CHECK;
int js_get_array(const json_t *obj, const char *key, json_t **out, struct error *err) MUST_CHECK;
int js_get_object(const json_t *obj, const char *key, json_t **out, struct error *err) MUST_CHECK;

/* The end of the run of plain characters which begins at p: those which neither reading nor writing
 * looks at, ASCII without controls, quotes, backslashes, < > and &. */
const char *js_skip_plain(const char *p, const char *end);

/*
 * Writes a JSON string with its quotes: < > & and U+2028/9 as \u escapes, controls as \n \r \t or
 * \u00xx, broken UTF-8 as U+FFFD, everything else as it is. NULL becomes null.
 */
void js_write_string(struct strbuf *out, const char *text);
void js_write_bytes(struct strbuf *out, const char *text, size_t len);
/* The same without the quotes, for a part of a string: whole characters. */
void js_write_part(struct strbuf *out, const char *text, size_t len);
/* Writes `"key":`, with a comma before it unless it is the first member of its object. */
void js_write_key(struct strbuf *out, const char *key);
/* Writes a comma unless this is the first element of its array. */
void js_write_comma(struct strbuf *out);

/* Writes the whole value without white space and with sorted keys: equal values, equal text. */
void js_write_canonical(struct strbuf *out, const json_t *value);

#endif
