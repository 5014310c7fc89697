/*
 * What the gateway wants of a function: status, headers and body in one JSON object. It turns any
 * other shape into a 502 of its own.
 *
 * Source: API Gateway Developer Guide, "Output format of a Lambda function for proxy integration".
 */
#ifndef BLOX_LAMBDA_PROXY_ANSWER_H
#define BLOX_LAMBDA_PROXY_ANSWER_H

#include <stdbool.h>

#include "lambda-proxy/headers.h"
#include "util/strbuf.h"

/* Lambda refuses more (413) and has then closed the invocation, so an answer is measured before. */
#define ANSWER_LEN_MAX (6 * 1024 * 1024)

/*
 * Writes the answer: names that came once into headers, repeated ones into multiValueHeaders, the
 * body as text where it is UTF-8, else in base64. False, and out is empty, when that is longer than
 * ANSWER_LEN_MAX. The body is given back on the way, and empty afterwards.
 */
bool answer_write(struct strbuf *out, int status, const struct headers *headers,
                  struct strbuf *body) MUST_CHECK;

/* Writes an answer of our own: {"message":...}, as the gateway's own failures look. */
void answer_write_failure(struct strbuf *out, int status, const char *request_id,
                          const char *message);

#endif
