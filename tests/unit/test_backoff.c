/* Back-off doubles, stays under its cap and is spread by chance. */
#include "test.h"

#include "plan/backoff.h"
#include "util/attr.h"

static void test_it_doubles_up_to_the_cap(void **state)
{
    static const struct {
        int64_t failures;
        int64_t longest_ms;
    } cases[] = {{1, 1000},  {2, 2000},  {3, 4000},     {6, 32000},
                 {7, 60000}, {8, 60000}, {1000, 60000}, {INT64_MAX, 60000}};

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        int64_t half = cases[c].longest_ms / 2;

        assert_int_equal(backoff_ms(cases[c].failures, 0), half);
        assert_int_equal(backoff_ms(cases[c].failures, (uint32_t)half), cases[c].longest_ms);
        assert_in_range(backoff_ms(cases[c].failures, UINT32_MAX), half, cases[c].longest_ms);
    }
}

static void test_no_failure_no_wait(void **state)
{
    (void)state;
    assert_int_equal(backoff_ms(0, 77), 0);
}

static void test_those_who_failed_together_come_back_some_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(backoff_until_ms(1000000, 2, 0), 1001000);
    assert_int_equal(backoff_until_ms(1000001, 2, 0), 1002000);
    assert_int_equal(backoff_until_ms(1000999, 2, 0), 1002000);
    assert_int_equal(backoff_until_ms(1000000, 7, 0), 1030000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_doubles_up_to_the_cap),
        cmocka_unit_test(test_no_failure_no_wait),
        cmocka_unit_test(test_those_who_failed_together_come_back_some_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
