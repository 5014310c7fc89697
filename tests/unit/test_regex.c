/* Regular expressions: whole texts, and the limits which keep strangers' patterns cheap. */
#include "test.h"

#include <string.h>

#include "util/regex.h"

static void expect(const char *pattern, const char *text, enum regex_outcome want)
{
    struct error err = {0};
    size_t at = 0;
    AUTO(regex) *regex = regex_compile(pattern, &at, &err);

    if (!regex) {
        fail_msg("%s: %s", pattern, err.text);
    }
    if (regex_match(regex, text, NULL) != want) {
        fail_msg("\"%s\" =~ \"%s\": got %d", text, pattern, regex_match(regex, text, NULL));
    }
}

#define ANYWHERE SIZE_MAX /* PCRE2's releases differ */

static void expect_refused(const char *pattern, size_t where, const char *why)
{
    struct error err = {0};
    size_t at = SIZE_MAX;
    AUTO(regex) *regex = regex_compile(pattern, &at, &err);

    assert_null(regex);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, why);
    assert_in_range(at, where == ANYWHERE ? 0 : where, where == ANYWHERE ? strlen(pattern) : where);
}

static void test_matches_the_whole_text(void **state)
{
    (void)state;
    expect("t2", "t2", REGEX_MATCH);
    expect("t2", "t2.small", REGEX_NO_MATCH);
    expect("t2", "at2", REGEX_NO_MATCH);
    expect("a|ab", "ab", REGEX_MATCH); /* goes on to look for a match which reaches the end */
    expect("", "", REGEX_MATCH);
    expect("(a)(b)(c)", "abc", REGEX_MATCH);
    expect("a$", "a\n", REGEX_NO_MATCH);
    expect("(\\((?:[^()]|(?1))*\\))", "(a(b)c)", REGEX_MATCH); /* recursion */
    expect("\xc3\xa9.", "\xc3\xa9\xc3\xa9", REGEX_MATCH);
    expect("\\w", "\xc3\xa9", REGEX_NO_MATCH);
    expect(".", "\xff", REGEX_NO_MATCH); /* broken UTF-8 matches nothing and harms nobody */
}

static void test_gives_up(void **state)
{
    char many[2001] = "";
    char wide[64] = "";

    (void)state;
    memset(many, 'a', sizeof(many) - 2);
    many[sizeof(many) - 2] = 'c';
    memset(wide, 'a', sizeof(wide) - 1);
    memcpy(wide + sizeof(wide) - 3, "b!", 2); /* without a b there would be no search for one */
    expect("(a+)+b", wide, REGEX_TOO_HARD);   /* steps */
    expect("(a|b)*c", many, REGEX_TOO_HARD);  /* depth */
    expect("(*LIMIT_MATCH=4000000000)(a+)+b", wide, REGEX_TOO_HARD); /* can only lower them */
}

/* What a match takes out of a budget: nothing when it is cheap, never more than its limit. */
static void test_a_budget(void **state)
{
    struct error err = {0};
    size_t at = 0;
    AUTO(regex) *cheap = regex_compile("t[0-9]\\..*", &at, &err);
    AUTO(regex) *hard = regex_compile("(a+)+b", &at, &err);
    const char *texts[] = {"aaaaaaaab!", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab!"};
    int64_t steps = 5000;

    (void)state;
    assert_int_equal(regex_match(cheap, "t2.2xlarge", &steps), REGEX_MATCH);
    assert_int_equal(steps, 5000);
    for (size_t t = 0; t < 2; t++) {
        int64_t before = steps;

        assert_int_equal(regex_match(hard, texts[t], &steps), t ? REGEX_TOO_HARD : REGEX_NO_MATCH);
        assert_in_range(before - steps, REGEX_STEPS_FREE, REGEX_STEPS_MAX);
    }
    while (steps >= 0) {
        assert_int_equal(regex_match(hard, texts[1], &steps), REGEX_TOO_HARD);
    }
    assert_in_range(-steps, 1, REGEX_STEPS_MAX);
    assert_int_equal(regex_match(cheap, "t2.2xlarge", &steps), REGEX_TOO_HARD); /* all is used up */
}

static void test_refuses(void **state)
{
    char pattern[REGEX_LEN_MAX + 2] = "";

    (void)state;
    expect_refused("a(b", 3, "missing closing parenthesis");
    expect_refused("a\\Cb", ANYWHERE, "using \\C is disabled by the application");
    expect_refused("((a{255}){255}){255}", ANYWHERE, "regular expression is too large");
    memset(pattern, '(', REGEX_NEST_MAX + 1);
    memset(pattern + REGEX_NEST_MAX + 1, ')', REGEX_NEST_MAX + 1);
    expect_refused(pattern, ANYWHERE, "parentheses are too deeply nested");
    memset(pattern, 'a', REGEX_LEN_MAX + 1);
    expect_refused(pattern, ANYWHERE,
                   "pattern string is longer than the limit set by the application");
    pattern[REGEX_LEN_MAX] = '\0';
    expect(pattern, pattern, REGEX_MATCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_the_whole_text),
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_a_budget),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
