/* The control API: finds the route, reads its input, answers. */
#include <string.h>

#include "sim/parts.h"
#include "sim/query.h"

#define PREFIX "/_sim"

/* The route for the path; *path_known tells 404 from 405. */
static const struct control_route *find_route(const struct control_route *table, const char *method,
                                              const char *path, bool *path_known)
{
    for (const struct control_route *each = table; each->method; each++) {
        if (streq(each->path, path)) {
            *path_known = true;
            if (streq(each->method, method)) {
                return each;
            }
        }
    }
    return NULL;
}

/* The body of what changes something, the query of the rest. */
static json_t *read_input(struct call *call)
{
    const struct server_request *request = call->request;

    if (request->body_len == 0) {
        return query_parse(request->query);
    }
    json_t *input = json_loadb(request->body, request->body_len, 0, NULL);

    if (!json_is_object(input)) {
        json_decref(input);
        refuse(call, "", "the body is not a JSON object");
        return NULL;
    }
    return input;
}

static int run(struct sim *sim, struct call *call)
{
    const char *path = call->request->path + strlen(PREFIX);
    const char *method = call->request->method;
    const struct control_route *const tables[] = {control_world_routes, control_observe_routes,
                                                  control_gateway_routes};
    const struct control_route *route = NULL;
    bool path_known = false;

    for (size_t t = 0; t < ARRAY_LEN(tables) && !route; t++) {
        route = find_route(tables[t], method, path, &path_known);
    }
    if (!route) {
        return path_known ? refuse_as(call, 405, "", "%s does not take %s", path, method)
                          : refuse_as(call, 404, "", "there is no %.100s", path);
    }
    json_t *input = read_input(call);

    if (!input) {
        return -1;
    }
    call->input = input;
    emit_open(&call->out, NULL, '{');
    int result = route->run(sim, call);

    emit_close(&call->out, '}');
    json_decref(input);
    return result;
}

void control_handle(struct sim *sim, const struct server_request *request,
                    struct server_response *response)
{
    struct call call = {.request = request, .out = {.out = &response->body}};

    response->content_type = "application/json";
    if (run(sim, &call) < 0) {
        struct emit e = {.out = &response->body};

        strbuf_reset(&response->body);
        response->status = call.refusal.status;
        emit_open(&e, NULL, '{');
        emit_text(&e, "error", call.refusal.text);
        emit_close(&e, '}');
    }
}
