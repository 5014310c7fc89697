/* Which handler a request reaches, and the redirects and misses of v0.3.0's router. */
#include "test.h"

#include "http/router.h"

struct api {
    const char *reached; /* a handler's word, and the variables it saw */
    struct strbuf saw;
};

static int reach(struct api *api, const struct http_request *req, struct http_response *resp,
                 const char *word)
{
    api->reached = word;
    for (size_t i = 0; i < req->n_params; i++) {
        strbuf_addf(&api->saw, "%.*s=%s;", (int)req->params[i].name_len, req->params[i].name,
                    req->params[i].value);
    }
    return http_reply_empty(resp, 200, NULL);
}

static int list(struct api *api, const struct http_request *req, struct http_response *resp,
                struct error *err)
{
    (void)err;
    return reach(api, req, resp, "list");
}

static int create(struct api *api, const struct http_request *req, struct http_response *resp,
                  struct error *err)
{
    (void)err;
    return reach(api, req, resp, "create");
}

static int get(struct api *api, const struct http_request *req, struct http_response *resp,
               struct error *err)
{
    (void)err;
    return reach(api, req, resp, "get");
}

static int failing(struct api *api, const struct http_request *req, struct http_response *resp,
                   struct error *err)
{
    (void)req;
    (void)resp;
    api->reached = "fail";
    return error_set(err, ERR_INTERNAL, "no");
}

static bool has_token(const struct http_request *req)
{
    return query_filter(&req->query, "token");
}

static const struct route routes[] = {
    {"GET", "/v1/envs", list, NULL, AS_TEXT},
    {"POST", "/v1/envs", create, NULL, AS_TEXT},
    {"GET", "/v1/envs/{name}", get, NULL, AS_TEXT},
    {"POST", "/v1/envs/{name}/runs", create, has_token, AS_TEXT},
    {"GET", "/v1/envs/{name}/runs/{id}", get, NULL, AS_TEXT},
    {"GET", "/v1/tasks/{cluster}/{arn...}", get, NULL, AS_TEXT},
    {"GET", "/v1/fail", failing, NULL, AS_PROBLEM},
    {0},
};

#define MISS "404 page not found\n"

static const struct {
    const char *name;
    const char *method;
    const char *target;
    int status;       /* 0: the handler failed */
    const char *want; /* the handler's word and variables, or the body, or the Location */
} cases[] = {
    {"a path", "GET", "/v1/envs", 200, "list "},
    {"the method counts", "POST", "/v1/envs", 200, "create "},
    {"HEAD is a GET", "HEAD", "/v1/envs", 200, "list "},
    {"a wrong method", "PUT", "/v1/envs", 404, MISS},
    {"OPTIONS", "OPTIONS", "/v1/envs", 404, MISS},
    {"methods are case-sensitive", "get", "/v1/envs", 404, MISS},
    {"a variable", "GET", "/v1/envs/a", 200, "get name=a;"},
    {"a variable takes anything", "GET", "/v1/envs/%20%3C%C3%A4", 200, "get name= <\xc3\xa4;"},
    {"an escaped slash is a slash", "GET", "/v1/envs/a%2Fruns%2Fb", 200, "get name=a;id=b;"},
    {"a query does not matter", "GET", "/v1/envs?a=/b//", 200, "list "},
    {"the rest of a path", "GET", "/v1/tasks/c/arn:x/y/z", 200, "get cluster=c;arn=arn:x/y/z;"},
    {"no rest of a path", "GET", "/v1/tasks/c", 404, MISS},
    {"a longer path", "GET", "/v1/envs/a/b", 404, MISS},
    {"a shorter one", "GET", "/v1/env", 404, MISS},
    {"the root", "GET", "/", 404, MISS},
    {"the version", "GET", "/v1", 404, MISS},
    {"the version and a slash", "GET", "/v1/", 404, MISS},
    {"a condition holds", "POST", "/v1/envs/a/runs?token=1", 200, "create name=a;"},
    {"a condition does not", "POST", "/v1/envs/a/runs", 404, MISS},
    {"a condition with a slash behind it", "POST", "/v1/envs/a/runs/", 404, MISS},

    {"a trailing slash", "GET", "/v1/envs/", 301, "/v1/envs"},
    {"a trailing slash keeps the query", "GET", "/v1/envs/?a=%20&b", 301, "/v1/envs?a=%20&b"},
    {"an empty query stays, too", "GET", "/v1/envs/?", 301, "/v1/envs?"},
    {"an escaped trailing slash", "GET", "/v1/envs%2F", 301, "/v1/envs"},
    {"a trailing slash behind a variable", "GET", "/v1/envs/a%20b/", 301, "/v1/envs/a%20b"},
    {"a trailing slash behind an ARN", "GET", "/v1/tasks/c/a/b/", 301, "/v1/tasks/c/a/b"},
    {"HEAD with a trailing slash", "HEAD", "/v1/envs/", 301, "/v1/envs"},
    {"a POST with a trailing slash is served", "POST", "/v1/envs/", 200, "create "},
    {"a trailing slash and a wrong method", "DELETE", "/v1/envs/", 404, MISS},
    {"a trailing slash on nothing", "GET", "/nothing/", 404, MISS},

    {"two slashes", "GET", "/v1//envs", 301, "/v1/envs"},
    {"two slashes, any method", "POST", "/v1//envs?a=1", 301, "/v1/envs?a=1"},
    {"two slashes, no route", "GET", "//nothing//", 301, "/nothing/"},
    {"escaped slashes", "GET", "/v1%2F%2Fenvs", 301, "/v1/envs"},
    {"a dot", "GET", "/v1/./envs", 301, "/v1/envs"},
    {"a dot at the end", "GET", "/v1/envs/.", 301, "/v1/envs"},
    {"two dots", "GET", "/v1/envs/..", 301, "/v1"},
    {"two escaped dots", "GET", "/v1/envs/%2e%2E", 301, "/v1"},
    {"above the root", "GET", "/../v1/envs", 301, "/v1/envs"},
    {"a cleaned path is encoded again", "GET", "/v1//a%20b%C3%A4%3F", 301, "/v1/a%20b%C3%A4%3F"},
    {"no line can be injected", "GET", "/v1//a?b\r\nX: y", 301, "/v1/a?b%0d%0aX: y"},

    {"a broken escape", "GET", "/v1/%zz", 400, "400 Bad Request"},
    {"a NUL", "GET", "/v1/envs/a%00", 400, "400 Bad Request"},
    {"a NUL in the query", "GET", "/v1/envs?a=%00", 400, "400 Bad Request"},
    {"no path", "GET", "", 400, "400 Bad Request"},
    {"a star", "OPTIONS", "*", 400, "400 Bad Request"},
    {"a failure is the caller's", "GET", "/v1/fail", 0, "fail "},
};

static void check_case(size_t c, const struct api *api, int status,
                       const struct http_response *resp)
{
    AUTO_STRBUF got = {0};

    if (status == 200 || status == 0) {
        strbuf_addf(&got, "%s %s", api->reached, api->saw.text ? api->saw.text : "");
    } else if (status == 301) {
        const char *location = strstr(resp->headers.text, "Location: ") + strlen("Location: ");

        strbuf_add(&got, location, strcspn(location, "\r"));
    } else {
        strbuf_add_text(&got, resp->text.text);
    }
    if (status != cases[c].status || !streq(got.text, cases[c].want)) {
        fail_msg("%s: want %d %s, got %d %s", cases[c].name, cases[c].status, cases[c].want, status,
                 got.text);
    }
}

static void test_router(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct api api = {0};
        struct http_request req = {.method = cases[c].method, .target = cases[c].target};
        struct http_response resp = {0};
        struct error err = {0};
        int rc = router_serve(routes, &api, &req, &resp, &err);

        check_case(c, &api, rc < 0 ? 0 : resp.status, &resp);
        strbuf_clear(&api.saw);
        http_request_clear(&req);
        http_response_clear(&resp);
    }
}

static void redirect(const char *method, const char *target, struct http_response *resp)
{
    struct api api = {0};
    struct http_request req = {.method = method, .target = target};
    struct error err = {0};

    assert_int_equal(router_serve(routes, &api, &req, resp, &err), 0);
    http_request_clear(&req);
}

static void test_bodies_of_redirects(void **state)
{
    struct http_response resp = {0};

    (void)state;
    redirect("GET", "/v1/envs/a%22%27/?b=<&>", &resp);
    assert_string_equal(resp.content_type, "text/html; charset=utf-8");
    assert_string_equal(resp.text.text,
                        "<a href=\"/v1/envs/a%22%27?b=&lt;&amp;&gt;\">Moved Permanently</a>.\n\n");
    http_response_clear(&resp);
    redirect("GET", "/v1//envs", &resp);
    assert_null(resp.content_type);
    assert_int_equal(resp.body_len, 0);
    http_response_clear(&resp);
}

static const struct {
    const char *method, *target;
    enum route_errors errors;
    bool has_route;
} forms[] = {
    {"GET", "/v1/envs?x=1", AS_TEXT, true},   {"GET", "/v1/fail", AS_PROBLEM, true},
    {"HEAD", "/v1/fai%6c", AS_PROBLEM, true}, {"POST", "/v1/fail", AS_TEXT, false},
    {"GET", "/v1/fail/", AS_TEXT, false},     {"GET", "/nowhere", AS_TEXT, false},
    {"GET", "%zz", AS_TEXT, false},           {"GET", "", AS_TEXT, false},
};

/* For who answers before the router does. */
static void test_forms_of_errors(void **state)
{
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        struct http_request req = {.method = forms[f].method, .target = forms[f].target};

        if (router_errors(routes, &req) != forms[f].errors ||
            (req.route != NULL) != forms[f].has_route) {
            fail_msg("%s %s", forms[f].method, forms[f].target);
        }
        http_request_clear(&req);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_router),
        cmocka_unit_test(test_bodies_of_redirects),
        cmocka_unit_test(test_forms_of_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
