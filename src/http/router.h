/*
 * The router: finds the handler of a request by the decoded path, with the redirects of v0.3.0's
 * (gorilla/mux with strict slashes). Wrong methods are routes which do not exist.
 */
#ifndef BLOX_HTTP_ROUTER_H
#define BLOX_HTTP_ROUTER_H

#include "http/message.h"
#include "util/error.h"

struct api; /* what the handlers work with; the router only hands it on */

/* The form in which a path answers what went wrong. */
enum route_errors {
    AS_TEXT,    /* v0.3.0's: a line of text */
    AS_PROBLEM, /* a problem document (http/problem.h) */
    AS_ECS,     /* as Amazon ECS does */
};

/*
 * `{name}` in a pattern stands for one segment, `{name...}` for the rest of the path without a
 * slash at its end, at least one byte each. `accepts`, if any, belongs to the match: where it says
 * no, there is no such route.
 */
struct route {
    const char *method;
    const char *pattern;
    int (*handler)(struct api *api, const struct http_request *req, struct http_response *resp,
                   struct error *err);
    bool (*accepts)(const struct http_request *req);
    enum route_errors errors;
};

/*
 * Answers the request: by its route's handler, a redirect, 400 or 404. routes ends with {0}.
 * 0, or -1 when the handler failed: the caller answers then.
 */
int router_serve(const struct route *routes, struct api *api, struct http_request *req,
                 struct http_response *resp, struct error *err) MUST_CHECK;

/* For who answers in the router's place: the form of errors of the request's route. Sets what the
 * router sets of the request. */
enum route_errors router_errors(const struct route *routes, struct http_request *req);

#endif
