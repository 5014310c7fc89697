/* RFC 3339 in both directions. */
#include "test.h"

#include <string.h>
#include <time.h>

#include "util/clock.h"

static const struct {
    const char *text;
    int64_t at_ms; /* -1: refused */
} cases[] = {
    {"1970-01-01T00:00:00Z", 0},
    {"2017-01-02T03:04:05Z", 1483326245000},
    {"2017-01-02T03:04:05.678Z", 1483326245678},
    {"2017-01-02T03:04:05.678901234Z", 1483326245678},
    {"2017-01-02T03:04:05.6Z", 1483326245600},
    {"2017-01-02T04:04:05+01:00", 1483326245000},
    {"2016-12-31T23:59:60Z", 1483228800000},
    {"2017-01-02T03:04:05", -1},
    {"2017-01-02T03:04:05.Z", -1},
    {"2017-13-02T03:04:05Z", -1},
    {"2017-01-02T03:04:05Zx", -1},
    {"", -1},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        int64_t at_ms = -1;

        clock_parse_iso(cases[c].text, &at_ms);
        if (at_ms != cases[c].at_ms) {
            fail_msg("%s: want %lld, got %lld", cases[c].text, (long long)cases[c].at_ms,
                     (long long)at_ms);
        }
    }
}

static void test_format(void **state)
{
    char text[CLOCK_ISO_LEN];

    (void)state;
    clock_format_iso_ms(1483326245678, text);
    assert_string_equal(text, "2017-01-02T03:04:05.678Z");
    clock_format_iso_ms(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

/* Every day of twelve hundred years, leap days and centuries among them, in both directions. */
static void test_the_calendar_is_that_of_libc(void **state)
{
    (void)state;
    for (int64_t day = -400 * 365; day < 800 * 365; day++) {
        int64_t at_ms = day * 86400000 + day % 1000 + 1000;
        int64_t back_ms = 0;
        time_t seconds = (time_t)(at_ms / 1000 - (at_ms % 1000 < 0));
        char want[CLOCK_ISO_LEN];
        char got[CLOCK_ISO_LEN];
        struct tm tm;

        gmtime_r(&seconds, &tm);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.", &tm);
        clock_format_iso_ms(at_ms, got);
        assert_memory_equal(got, want, strlen(want));
        assert_true(clock_parse_iso(got, &back_ms));
        assert_int_equal(back_ms, at_ms);
    }
    char text[CLOCK_ISO_LEN];

    clock_format_iso_ms(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_format_iso_ms(INT64_MIN, text);
    assert_string_equal(text, "0000-01-01T00:00:00.000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_format),
                                       cmocka_unit_test(test_the_calendar_is_that_of_libc)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
