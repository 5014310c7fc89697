/* Which texts are URLs of a server, and what they say. */
#include "test.h"

#include "http/url.h"
#include "util/attr.h"

static const struct {
    const char *text;
    bool tls;
    const char *host; /* NULL: no URL */
    int port;
    const char *path;
} cases[] = {
    {"http://blox.internal", false, "blox.internal", 80, ""},
    {"https://10.0.0.1/", true, "10.0.0.1", 443, "/"},
    {"http://a_b-c:8080/v1?x=/y", false, "a_b-c", 8080, "/v1?x=/y"},
    {"https://[::1]:65535", true, "[::1]", 65535, ""},
    {"http://[fe80::1.2]/", false, "[fe80::1.2]", 80, "/"},
    {.text = ""},
    {.text = "blox.internal"},
    {.text = "ftp://a"},
    {.text = "HTTP://a"},
    {.text = "http:/a"},
    {.text = "http://"},
    {.text = "http:///v1"},
    {.text = "http://:80"},
    {.text = "http://me:secret@a"},
    {.text = "http://me@a"},
    {.text = "http://a b"},
    {.text = "http://a?q"},
    {.text = "http://a:"},
    {.text = "http://a:0"},
    {.text = "http://a:65536"},
    {.text = "http://a:123456"},
    {.text = "http://a:80x"},
    {.text = "http://a:80:80"},
    {.text = "http://a:+80"},
    {.text = "http://[]"},
    {.text = "http://[::1"},
    {.text = "http://[::1]x"},
    {.text = "http://[a/b]"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct url url = {0};
        const char *host = cases[c].host;
        bool good = url_parse(cases[c].text, &url);

        if (!host ? good
                  : !good || url.tls != cases[c].tls || url.host_len != strlen(host) ||
                        strncmp(url.host, host, url.host_len) != 0 || url.port != cases[c].port ||
                        !streq(url.path, cases[c].path)) {
            fail_msg("%s: %s, host %.*s, port %d, path %s", cases[c].text, good ? "a URL" : "none",
                     (int)url.host_len, url.host ? url.host : "", url.port,
                     url.path ? url.path : "");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
