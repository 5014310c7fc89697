/* From a request to its handler. */
#include "http/router.h"

#include <stdlib.h>

#include "http/path.h"
#include "util/mem.h"

static void drop_params(struct http_request *req)
{
    for (size_t i = 0; i < req->n_params; i++) {
        free(req->params[i].value);
    }
    req->n_params = 0;
}

/* Matches one `{variable}` at the head of the pattern; moves both on. */
static bool match_variable(const char **pattern, const char **path, const char *end,
                           struct http_request *req)
{
    const char *name = *pattern + 1;
    size_t name_len = strcspn(name, ".}");
    bool rest = name[name_len] == '.';
    size_t len = 0;

    while (*path + len < end && (rest || (*path)[len] != '/')) {
        len++;
    }
    if (len == 0 || (*path)[len - 1] == '/') {
        return false;
    }
    req->params[req->n_params++] = (struct http_param){name, name_len, xmemdup0(*path, len)};
    *pattern = strchr(name, '}') + 1;
    *path += len;
    return true;
}

static bool match_pattern(const char *pattern, const char *path, size_t path_len,
                          struct http_request *req)
{
    const char *end = path + path_len;

    while (*pattern) {
        if (*pattern == '{') {
            if (!match_variable(&pattern, &path, end, req)) {
                return false;
            }
        } else if (path == end || *pattern++ != *path++) {
            return false;
        }
    }
    return path == end;
}

static const struct route *find(const struct route *routes, struct http_request *req,
                                size_t path_len)
{
    for (const struct route *route = routes; route->method; route++) {
        if (!streq(route->method, http_is_read(req) ? "GET" : req->method)) {
            continue;
        }
        drop_params(req);
        if (match_pattern(route->pattern, req->path, path_len, req) &&
            (!route->accepts || route->accepts(req))) {
            return route;
        }
    }
    return NULL;
}

/* A header cannot carry what a client may write into a query: bytes above ASCII are escaped. */
static void make_location(const char *path, const char *raw_query, struct strbuf *out)
{
    path_encode(path, out);
    if (!raw_query) {
        return;
    }
    strbuf_add_char(out, '?');
    for (const char *c = raw_query; *c; c++) {
        if ((*c & 0x80) != 0 || (unsigned char)*c < ' ') {
            strbuf_addf(out, "%%%02x", (unsigned char)*c);
        } else {
            strbuf_add_char(out, *c);
        }
    }
}

static int redirect_to_clean(const struct http_request *req, const char *clean,
                             struct http_response *resp)
{
    AUTO_STRBUF location = {0};

    make_location(clean, req->raw_query, &location);
    http_set_header(resp, "Location", "%s", location.text);
    return http_reply_empty(resp, 301, NULL);
}

static int redirect_without_slash(const struct http_request *req, struct http_response *resp)
{
    AUTO_CHAR *path = xmemdup0(req->path, strlen(req->path) - 1);
    AUTO_STRBUF location = {0};

    make_location(path, req->raw_query, &location);
    http_set_header(resp, "Location", "%s", location.text);
    resp->status = 301;
    resp->content_type = "text/html; charset=utf-8";
    strbuf_add_text(&resp->text, "<a href=\"");
    strbuf_add_markup(&resp->text, location.text);
    strbuf_add_text(&resp->text, "\">Moved Permanently</a>.\n\n");
    resp->body_len = resp->text.len;
    return 0;
}

/* What v0.3.0's server said before its router was asked: no newline, no further header. */
static int reply_bad_target(struct http_response *resp)
{
    resp->status = 400;
    resp->content_type = HTTP_TEXT;
    strbuf_add_text(&resp->text, "400 Bad Request");
    resp->body_len = resp->text.len;
    return 0;
}

int router_serve(const struct route *routes, struct api *api, struct http_request *req,
                 struct http_response *resp, struct error *err)
{
    if (!http_request_parse(req)) {
        return reply_bad_target(resp);
    }
    AUTO_CHAR *clean = path_clean(req->path);
    size_t len = strlen(req->path);

    if (!streq(clean, req->path)) {
        return redirect_to_clean(req, clean, resp);
    }
    const struct route *route = find(routes, req, len);

    if (!route && len > 1 && req->path[len - 1] == '/') {
        route = find(routes, req, len - 1);
        if (route && http_is_read(req)) {
            return redirect_without_slash(req, resp);
        }
    }
    if (!route) {
        return http_reply_text(resp, 404, "404 page not found");
    }
    req->route = route;
    resp->problems = route->errors == AS_PROBLEM;
    return route->handler(api, req, resp, err);
}

enum route_errors router_errors(const struct route *routes, struct http_request *req)
{
    if (http_request_parse(req)) {
        req->route = find(routes, req, strlen(req->path));
    }
    return req->route ? req->route->errors : AS_TEXT;
}
