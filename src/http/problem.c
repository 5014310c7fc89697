/* From an error to a status and a body. */
#include "http/problem.h"

#include "util/js.h"

static const struct {
    int status;
    const char *title;
} problems[] = {
    [ERR_NONE] = {500, "Internal Server Error"},
    [ERR_INVALID] = {400, "Bad Request"},
    [ERR_DENIED] = {403, "Forbidden"},
    [ERR_NOT_FOUND] = {404, "Not Found"},
    [ERR_CONFLICT] = {409, "Conflict"},
    [ERR_THROTTLED] = {429, "Too Many Requests"},
    [ERR_UNAVAILABLE] = {503, "Service Unavailable"},
    [ERR_PROTOCOL] = {502, "Bad Gateway"},
    [ERR_INTERNAL] = {500, "Internal Server Error"},
};

int problem_status(enum error_code code)
{
    return problems[code].status;
}

int http_reply_problem(struct http_response *resp, const struct error *why)
{
    AUTO_STRBUF body = {0};

    strbuf_add_char(&body, '{');
    js_write_key(&body, "type");
    js_write_string(&body, "about:blank"); /* the title says what the status says */
    js_write_key(&body, "title");
    js_write_string(&body, problems[why->code].title);
    js_write_key(&body, "status");
    strbuf_add_int(&body, problems[why->code].status);
    if (why->text[0]) {
        js_write_key(&body, "detail");
        js_write_string(&body, why->text);
    }
    strbuf_add_char(&body, '}');
    return http_reply_body(resp, problems[why->code].status, HTTP_PROBLEM, &body);
}
