/* If-None-Match: what names our tag, what does not, and what is no header at all. */
#include "test.h"

#include "http/etag.h"
#include "util/attr.h"

#define TAG "\"1-2a\""

static const struct {
    const char *header;
    bool want;
} cases[] = {
    {"", false},
    {TAG, true},
    {"*", true},
    {" * ", true},
    {"*, " TAG, false}, /* not a form there is */
    {"W/" TAG, true},   /* nginx compressed it */
    {"w/" TAG, false},
    {"\"1-2\"", false},
    {"\"1-2a", false},
    {"1-2a", false},
    {"\"1-2a\"x", true}, /* found before the fault */
    {"\"\"", false},
    {"\"other\", " TAG, true},
    {"\"other\" , W/" TAG " ", true},
    {"W/\"other\",\t" TAG, true},
    {"\"other\",, " TAG, true}, /* empty elements are allowed */
    {"\"other\" " TAG, false},
    {"\"1-2a\\\"\"", false},
    {"\"other,1-2a\"", false},
    {"nonsense, " TAG, false},
    {"W/", false},
    {",", false},
};

static void test_if_none_match(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        if (etag_is_named(cases[c].header, TAG) != cases[c].want) {
            fail_msg("If-None-Match: %s: want %d", cases[c].header, cases[c].want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_if_none_match)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
