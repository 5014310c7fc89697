/* One request on its way through API Gateway, for the files that take it there: gateway.c decides,
 * gateway_event.c makes the function's event, gateway_reply.c reads its reply. */
#ifndef BLOX_SIM_GATEWAY_H
#define BLOX_SIM_GATEWAY_H

#include <stdint.h>

#include "sim/parts.h"
#include "util/error.h"
#include "util/uuid.h"

#define GATEWAY_EXTENDED_ID_LEN 17 /* with the NUL */

struct gateway_exchange {
    struct sim *sim;
    const struct server_request *request;
    struct server_response *response;
    int64_t at_ms;
    char request_id[UUID_LEN];
    char extended_id[GATEWAY_EXTENDED_ID_LEN];
    char trace_id[RUNTIME_TRACE_LEN];
    const char *path; /* in the stage, as on the wire */
    struct user user; /* who signed */
};

/* The event of a REST API's proxy integration, format 1.0.
 * Source: API Gateway Developer Guide, "Input format of a Lambda function for proxy integration".
 */
void gateway_write_event(const struct gateway_exchange *x, struct strbuf *out);

/* Makes the function's reply the response; ERR_PROTOCOL, and nothing of it is in the response, when
 * it has another shape than the guide's "Output format of a Lambda function for proxy
 * integration". */
int gateway_read_reply(struct gateway_exchange *x, const struct strbuf *reply,
                       struct error *err) MUST_CHECK;

#endif
