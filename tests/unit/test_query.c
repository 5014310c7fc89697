/* Queries as Go's url.ParseQuery reads them. */
#include "test.h"

#include "http/query.h"
#include "util/strbuf.h"

static const struct {
    const char *name;
    const char *text;
    const char *want; /* "[name=value]" of each; NULL: refused */
} cases[] = {
    {"nothing", "", ""},
    {"one", "status=running", "[status=running]"},
    {"two, in their order", "b=1&a=2", "[b=1][a=2]"},
    {"a name alone", "cluster", "[cluster=]"},
    {"an empty value", "cluster=", "[cluster=]"},
    {"an empty name", "=x", "[=x]"},
    {"empty pairs", "&&a=1&", "[a=1]"},
    {"plus and escapes", "a+b=c+d%20e%2B", "[a b=c d e+]"},
    {"a value with an equals sign", "a=b=c", "[a=b=c]"},
    {"a broken escape drops its pair", "a=%zz&b=1&%=2&c=%4", "[b=1]"},
    {"a semicolon drops its pair", "a=1;b=2&c=3", "[c=3]"},
    {"names are case-sensitive", "Status=running", "[Status=running]"},
    {"twice", "a=1&a=2", "[a=1][a=2]"},
    {"a question mark is a letter", "a?=?", "[a?=?]"},
    {"a NUL", "a=1&b=x%00", NULL},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct query query;
        AUTO_STRBUF got = {0};
        bool ok = query_parse(cases[c].text, &query);

        strbuf_add_text(&got, "");
        for (size_t i = 0; i < query.n; i++) {
            strbuf_addf(&got, "[%s=%s]", query.pairs[i].name, query.pairs[i].value);
        }
        if (ok != !!cases[c].want || (ok && !streq(got.text, cases[c].want))) {
            fail_msg("%s: want %s, got %s", cases[c].name, cases[c].want ? cases[c].want : "no",
                     ok ? got.text : "no");
        }
        query_clear(&query);
    }
}

static void test_lookup(void **state)
{
    static const char *const names[] = {"a", "b", NULL};
    struct query query;

    (void)state;
    assert_true(query_parse("a=1&b=&a=2", &query));
    assert_string_equal(query_first(&query, "a"), "1");
    assert_string_equal(query_first(&query, "b"), "");
    assert_null(query_first(&query, "c"));
    assert_null(query_filter(&query, "b"));
    assert_true(query_repeats(&query));
    assert_true(query_has_only(&query, names));
    query_clear(&query);
    assert_true(query_parse("a=1&b=1&c", &query));
    assert_false(query_repeats(&query));
    assert_false(query_has_only(&query, names));
    query_clear(&query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_lookup)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
