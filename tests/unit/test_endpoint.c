/* Where services listen. */
#include "test.h"

#include "aws/endpoint.h"

static const struct {
    const char *service;
    const char *region;
    const char *given;
    const char *url; /* NULL: refused */
    const char *host;
    const char *path;
} cases[] = {
    {"ecs", "eu-west-1", NULL, "https://ecs.eu-west-1.amazonaws.com", "ecs.eu-west-1.amazonaws.com",
     "/"},
    {"sqs", "us-gov-west-1", "", "https://sqs.us-gov-west-1.amazonaws.com",
     "sqs.us-gov-west-1.amazonaws.com", "/"},
    {"ecs", "cn-north-1", NULL, "https://ecs.cn-north-1.amazonaws.com.cn",
     "ecs.cn-north-1.amazonaws.com.cn", "/"},
    {"ecs", "us-iso-east-1", NULL, "https://ecs.us-iso-east-1.c2s.ic.gov",
     "ecs.us-iso-east-1.c2s.ic.gov", "/"},
    {"ecs", "us-isob-east-1", NULL, "https://ecs.us-isob-east-1.sc2s.sgov.gov",
     "ecs.us-isob-east-1.sc2s.sgov.gov", "/"},
    {"ecs", "x", "http://127.0.0.1:4100", "http://127.0.0.1:4100", "127.0.0.1:4100", "/"},
    {"ecs", "x", "http://127.0.0.1:4100//", "http://127.0.0.1:4100", "127.0.0.1:4100", "/"},
    {"ecs", "x", "http://a:80/", "http://a:80", "a", "/"},
    {"ecs", "x", "https://a:443", "https://a:443", "a", "/"},
    {"ecs", "x", "https://a:80", "https://a:80", "a:80", "/"},
    {"ecs", "x", "http://a/b%20c/", "http://a/b%20c", "a", "/b%20c"},
    {"ecs", "x", "http://[::1]:4100/", "http://[::1]:4100", "[::1]:4100", "/"},
    {"ecs", "x", "http://[::1]:80", "http://[::1]:80", "[::1]", "/"},
    {"ecs", "x", "a:80", NULL, NULL, NULL},
    {"ecs", "x", "ftp://a", NULL, NULL, NULL},
    {"ecs", "x", "http://", NULL, NULL, NULL},
    {"ecs", "x", "https://", NULL, NULL, NULL},
    {"ecs", "x", "http:///x", NULL, NULL, NULL},
    {"ecs", "x", "http://user@a", NULL, NULL, NULL},
    {"ecs", "x", "http://a/?q", NULL, NULL, NULL},
    {"ecs", "x", "http://a b", NULL, NULL, NULL},
    {"ecs", "x", "http://[::1", NULL, NULL, NULL},
};

static void test_endpoints(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct endpoint got = {0};
        struct error err = {0};
        int status = endpoint_init(&got, cases[c].service, cases[c].region, cases[c].given, &err);

        if (!cases[c].url) {
            if (status == 0 || err.code != ERR_INVALID || !strstr(err.text, cases[c].given)) {
                fail_msg("%s: want it refused by name, got %s", cases[c].given, err.text);
            }
        } else if (status < 0 || !streq(got.url, cases[c].url) || !streq(got.host, cases[c].host) ||
                   !streq(got.path, cases[c].path)) {
            fail_msg("%s: got %s, host %s, path %s %s", cases[c].url, got.url, got.host, got.path,
                     err.text);
        }
        endpoint_clear(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_endpoints)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
