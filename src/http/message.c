/* Requests and responses. */
#include "http/message.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "http/path.h"
#include "util/mem.h"

/* ---- the request ----------------------------------------------------------------------------- */

bool http_request_parse(struct http_request *req)
{
    size_t path_len = strcspn(req->target, "?");

    req->raw_query = req->target[path_len] ? req->target + path_len + 1 : NULL;
    req->path = path_decode(req->target, path_len);
    return req->path && req->path[0] == '/' &&
           query_parse(req->raw_query ? req->raw_query : "", &req->query);
}

void http_request_clear(struct http_request *req)
{
    free(req->actor);
    free(req->path);
    query_clear(&req->query);
    for (size_t i = 0; i < req->n_params; i++) {
        free(req->params[i].value);
    }
    *req = (struct http_request){0};
}

const char *http_param(const struct http_request *req, const char *name)
{
    for (size_t i = 0; i < req->n_params; i++) {
        const struct http_param *param = &req->params[i];

        if (strlen(name) == param->name_len && memcmp(name, param->name, param->name_len) == 0) {
            return param->value;
        }
    }
    assert(!"a route's handler asks for a variable which its pattern has not");
    return "";
}

const char *http_actor(const struct http_request *req)
{
    return req->actor ? req->actor : "anonymous";
}

bool http_is_read(const struct http_request *req)
{
    return streq(req->method, "GET") || streq(req->method, "HEAD");
}

/* ---- the response ---------------------------------------------------------------------------- */

void http_response_clear(struct http_response *resp)
{
    if (resp->release) {
        resp->release(resp->owner);
    }
    strbuf_clear(&resp->headers);
    strbuf_clear(&resp->text);
    free(resp->pieces);
    *resp = (struct http_response){0};
}

static void begin(struct http_response *resp, int status, const char *content_type)
{
    resp->status = status;
    resp->content_type = content_type;
}

int http_reply_text(struct http_response *resp, int status, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    AUTO_CHAR *text = xvasprintf(fmt, args);
    va_end(args);
    begin(resp, status, HTTP_TEXT);
    http_set_header(resp, "X-Content-Type-Options", "nosniff");
    strbuf_add_text(&resp->text, text);
    strbuf_add_char(&resp->text, '\n');
    resp->body_len = resp->text.len;
    return 0;
}

int http_reply_body(struct http_response *resp, int status, const char *content_type,
                    struct strbuf *text)
{
    begin(resp, status, content_type);
    strbuf_clear(&resp->text);
    resp->text = *text;
    *text = (struct strbuf){0};
    strbuf_add_char(&resp->text, '\n');
    resp->body_len = resp->text.len;
    return 0;
}

int http_reply_json(struct http_response *resp, struct strbuf *json)
{
    return http_reply_body(resp, 200, HTTP_JSON, json);
}

int http_reply_empty(struct http_response *resp, int status, const char *content_type)
{
    begin(resp, status, content_type);
    return 0;
}

int http_reply_stream(struct http_response *resp, const char *content_type,
                      void (*hand_over)(void *owner, int fd, int request_id),
                      void (*release)(void *owner), void *owner)
{
    begin(resp, 200, content_type);
    resp->hand_over = hand_over;
    resp->release = release;
    resp->owner = owner;
    return 0;
}

static void drop_header(struct http_response *resp, const char *name)
{
    size_t len = strlen(name);

    for (char *line = resp->headers.text; line && *line;) {
        char *next = strchr(line, '\n') + 1;

        if (strncmp(line, name, len) == 0 && line[len] == ':') {
            memmove(line, next, strlen(next) + 1);
            resp->headers.len -= (size_t)(next - line);
            return;
        }
        line = next;
    }
}

void http_set_header(struct http_response *resp, const char *name, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    AUTO_CHAR *value = xvasprintf(fmt, args);
    va_end(args);
    assert(!strpbrk(value, "\r\n"));
    drop_header(resp, name);
    strbuf_addf(&resp->headers, "%s: %s\r\n", name, value);
}

void http_begin_pieces(struct http_response *resp, size_t n_expected, void (*release)(void *owner),
                       void *owner)
{
    begin(resp, 200, HTTP_JSON);
    resp->pieces = xreallocarray(NULL, n_expected, sizeof(*resp->pieces));
    resp->pieces_cap = n_expected;
    resp->release = release;
    resp->owner = owner;
}

void http_add_piece(struct http_response *resp, const char *bytes, size_t len)
{
    assert(resp->n_pieces < resp->pieces_cap);
    resp->pieces[resp->n_pieces++] = (struct iovec){(void *)(uintptr_t)bytes, len};
    resp->body_len += len;
}

static const char *reason_phrase(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 202:
        return "Accepted";
    case 301:
        return "Moved Permanently";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 409:
        return "Conflict";
    case 413:
        return "Request Entity Too Large";
    case 429:
        return "Too Many Requests";
    case 500:
        return "Internal Server Error";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    default:
        return "Unknown";
    }
}

void http_response_head(const struct http_response *resp, struct strbuf *out)
{
    strbuf_addf(out, "Status: %d %s\r\n", resp->status, reason_phrase(resp->status));
    if (resp->content_type) {
        strbuf_addf(out, "Content-Type: %s\r\n", resp->content_type);
    }
    /* A stream has none, and 304 has nothing of which the length could be told. */
    if (!resp->hand_over && resp->status != HTTP_NOT_MODIFIED) {
        strbuf_addf(out, "Content-Length: %zu\r\n", resp->body_len);
    }
    if (resp->headers.len > 0) {
        strbuf_add(out, resp->headers.text, resp->headers.len);
    }
    strbuf_add_text(out, "\r\n");
}
