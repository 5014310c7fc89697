/* What lasts is told again, but not all the time. */
#include "util/log.h"

#include "test.h"
#include "util/attr.h"

static const struct {
    int64_t at_ms;
    const char *text;
    bool due;
} cases[] = {
    {5, "Redis is away", true},
    {6, "Redis is away", false},
    {LOG_REPEAT_MS + 4, "Redis is away", false},
    {LOG_REPEAT_MS + 5, "Redis is away", true},
    {LOG_REPEAT_MS + 6, "Redis is away", false},
    {LOG_REPEAT_MS + 7, "Redis is a replica", true},
    {LOG_REPEAT_MS + 8, "Redis is away", true},
};

static void test_what_lasts_is_told_again(void **state)
{
    struct log_repeat told = {0};

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        if (log_is_due(&told, cases[c].text, cases[c].at_ms) != cases[c].due) {
            fail_msg("case %zu: \"%s\" at %lld", c, cases[c].text, (long long)cases[c].at_ms);
        }
    }
}

static void test_a_long_text_is_the_same_text(void **state)
{
    struct log_repeat told = {0};
    char text[2 * sizeof(told.text)];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_true(log_is_due(&told, text, 1));
    assert_false(log_is_due(&told, text, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_lasts_is_told_again),
        cmocka_unit_test(test_a_long_text_is_the_same_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
