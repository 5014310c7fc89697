/* The query protocol of SQS: forms in, XML out, around operations that speak JSON. */
#ifndef BLOX_SIM_QUERY_H
#define BLOX_SIM_QUERY_H

#include <jansson.h>

#include "util/strbuf.h"

/* The form as the JSON protocol would have it; the caller's. "Action" is one of its texts. */
json_t *query_parse(const char *form);
/* The answer of an operation, given as JSON. */
void query_answer(const char *operation, json_t *output, const char *request_id,
                  struct strbuf *out);
void query_error(int status, const char *code, const char *text, const char *request_id,
                 struct strbuf *out);

#endif
