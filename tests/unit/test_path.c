/* Paths as v0.3.0's router read them. */
#include "test.h"

#include "http/path.h"

static void test_decode(void **state)
{
    static const struct {
        const char *raw;
        const char *want; /* NULL: refused */
    } cases[] = {
        {"/v1/ping", "/v1/ping"},
        {"/a%20b%3C", "/a b<"},
        {"/a%2Fb%2fc", "/a/b/c"},
        {"/a+b;c", "/a+b;c"},
        {"/%c3%a4\xc3\xa4", "/\xc3\xa4\xc3\xa4"},
        {"/%", NULL},
        {"/%2", NULL},
        {"/%zz", NULL},
        {"/%0g", NULL},
        {"/%00", NULL},
        {"", ""},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        AUTO_CHAR *got = path_decode(cases[c].raw, strlen(cases[c].raw));

        if (!cases[c].want != !got || (got && !streq(got, cases[c].want))) {
            fail_msg("%s: want %s, got %s", cases[c].raw, cases[c].want ? cases[c].want : "nothing",
                     got ? got : "nothing");
        }
    }
}

static void test_clean(void **state)
{
    static const struct {
        const char *path;
        const char *want;
    } cases[] = {
        {"/", "/"},
        {"/v1/ping", "/v1/ping"},
        {"/v1/ping/", "/v1/ping/"},
        {"//", "/"},
        {"//v1///ping", "/v1/ping"},
        {"/v1//ping/", "/v1/ping/"},
        {"/v1/./ping", "/v1/ping"},
        {"/v1/ping/.", "/v1/ping"},
        {"/v1/environments/..", "/v1"},
        {"/v1/../v1/ping", "/v1/ping"},
        {"/../v1/ping", "/v1/ping"},
        {"/..", "/"},
        {"/a/../", "/"},
        {"/a/b/../", "/a/"},
        {"/...", "/..."},
        {"/.a/..b", "/.a/..b"},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        AUTO_CHAR *got = path_clean(cases[c].path);

        if (!streq(got, cases[c].want)) {
            fail_msg("%s: want %s, got %s", cases[c].path, cases[c].want, got);
        }
    }
}

static void test_encode(void **state)
{
    AUTO_STRBUF out = {0};

    (void)state;
    path_encode("/aZ9-_.~$&+,/:;=@ ?!*'()\"<%\xc3\xa4", &out);
    assert_string_equal(out.text, "/aZ9-_.~$&+,/:;=@%20%3F%21%2A%27%28%29%22%3C%25%C3%A4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
