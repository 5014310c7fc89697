/* Errors as problem documents (RFC 9457), on the paths which v0.3.0 did not have. */
#ifndef BLOX_HTTP_PROBLEM_H
#define BLOX_HTTP_PROBLEM_H

#include "http/message.h"
#include "util/error.h"

/* The status which an error stands for. */
int problem_status(enum error_code code);
/* `{"type":"about:blank","title":...,"status":...,"detail":<the error's text, if any>}` and its
 * status. */
int http_reply_problem(struct http_response *resp, const struct error *why);

#endif
