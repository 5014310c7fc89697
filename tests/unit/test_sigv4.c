/* The signing stages one by one against the published suite's values and botocore's
 * (tests/vectors/sigv4: request.json, and what each stage makes of it). */
#include "test.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "aws/sigv4.h"
#include "util/mem.h"

#define CASES_MIN   30
#define HEADERS_MAX 16

static const char access_key_id[] = "AKIDEXAMPLE";
static const char secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static char *case_path(const char *name, const char *file)
{
    const char *top = getenv("top_srcdir");

    return xasprintf("%s/tests/vectors/sigv4/%s/%s", top ? top : ".", name, file);
}

/* The file without the newline at its end. */
static char *read_expected(const char *name, const char *file)
{
    AUTO_CHAR *path = case_path(name, file);
    char text[4096];
    FILE *f = fopen(path, "r");

    if (!f) {
        fail_msg("%s: missing", path);
    }
    size_t len = fread(text, 1, sizeof(text), f);

    fclose(f);
    return xmemdup0(text, len > 0 ? len - 1 : 0);
}

static void compare(const char *name, const char *stage, const char *got)
{
    AUTO_CHAR *want = read_expected(name, stage);

    if (!streq(got, want)) {
        fail_msg("%s: %s: want\n%s\ngot\n%s", name, stage, want, got);
    }
}

static void check_stages(const char *name, const struct sigv4_request *request,
                         const struct sigv4_scope *scope)
{
    AUTO_STRBUF canonical = {0};
    AUTO_STRBUF to_sign = {0};
    AUTO_STRBUF authorization = {0};

    sigv4_canonical_request(request, &canonical);
    compare(name, "canonical", canonical.text);
    sigv4_string_to_sign(scope, canonical.text, &to_sign);
    compare(name, "string-to-sign", to_sign.text);
    sigv4_authorization(request, scope, access_key_id, secret, &authorization);
    compare(name, "authorization", authorization.text);
}

static void check_case(const char *name)
{
    AUTO_CHAR *path = case_path(name, "request.json");
    struct sigv4_scope scope = {.date = "20150830T123600Z"};
    struct sigv4_header headers[HEADERS_MAX];
    struct sigv4_request request = {.headers = headers};
    json_t *pairs = NULL;
    json_error_t why;
    json_auto_t *json = json_load_file(path, 0, &why);
    const char *body = NULL;

    if (json_unpack_ex(json, &why, 0, "{s:s, s:s, s:s, s:o, s:s, s:s, s:s}", "method",
                       &request.method, "path", &request.path, "query", &request.query, "headers",
                       &pairs, "body", &body, "region", &scope.region, "service",
                       &scope.service) < 0) {
        fail_msg("%s: %s", path, why.text);
    }
    request.body = body;
    request.body_len = strlen(body);
    request.n_headers = json_array_size(pairs);
    assert_true(request.n_headers <= HEADERS_MAX);
    for (size_t h = 0; h < request.n_headers; h++) {
        json_unpack(json_array_get(pairs, h), "[s, s]", &headers[h].name, &headers[h].value);
    }
    check_stages(name, &request, &scope);
}

static void test_vectors(void **state)
{
    AUTO_CHAR *path = case_path(".", "");
    DIR *dir = opendir(path);
    int n = 0;

    (void)state;
    if (!dir) {
        fail_msg("%s: missing", path);
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            check_case(entry->d_name);
            n++;
        }
    }
    closedir(dir);
    assert_true(n >= CASES_MIN);
}

static void test_date(void **state)
{
    char date[17];

    (void)state;
    sigv4_date(1440938160999, date);
    assert_string_equal(date, "20150830T123600Z");
}

static void test_an_empty_path_is_the_root(void **state)
{
    const struct sigv4_header host = {"host", "a"};
    const struct sigv4_request request = {
        .method = "GET", .path = "", .headers = &host, .n_headers = 1};
    AUTO_STRBUF out = {0};

    (void)state;
    sigv4_canonical_request(&request, &out);
    assert_true(strncmp(out.text, "GET\n/\n\nhost:a\n", 14) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_date),
        cmocka_unit_test(test_an_empty_path_is_the_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
