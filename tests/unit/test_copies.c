/* Which lists are worth a copy. */
#include "test.h"

#include <stdio.h>

#include "api/copies.h"

#define LARGE COPY_BYTES_MIN

static void test_one_asked_for_again_is(void **state)
{
    struct copies copies = COPIES_INIT;

    (void)state;
    assert_false(copies_offer(&copies, "\"a\"", LARGE, 5000));
    assert_false(copies_offer(&copies, "\"b\"", LARGE, 5000));
    assert_true(copies_offer(&copies, "\"a\"", LARGE, 5000));
}

static void test_small_and_huge_ones_are_not(void **state)
{
    struct copies copies = COPIES_INIT;

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_false(copies_offer(&copies, "\"small\"", COPY_BYTES_MIN - 1, 5000));
        assert_false(copies_offer(&copies, "\"huge\"", COPY_BYTES_MAX + 1, 5000));
    }
}

static void test_there_is_a_pause_between_two(void **state)
{
    struct copies copies = COPIES_INIT;

    (void)state;
    copies_offer(&copies, "\"a\"", LARGE, 5000);
    copies_offer(&copies, "\"b\"", LARGE, 5000);
    assert_true(copies_offer(&copies, "\"a\"", LARGE, 5000));
    assert_false(copies_offer(&copies, "\"b\"", LARGE, 5000 + COPY_PAUSE_MS - 1));
    assert_true(copies_offer(&copies, "\"b\"", LARGE, 5000 + COPY_PAUSE_MS));
}

static void test_what_was_asked_for_long_ago_is_forgotten(void **state)
{
    struct copies copies = COPIES_INIT;
    char etag[8];

    (void)state;
    copies_offer(&copies, "\"a\"", LARGE, 5000);
    for (int i = 0; i < COPY_TAGS; i++) {
        snprintf(etag, sizeof(etag), "\"%d\"", i);
        assert_false(copies_offer(&copies, etag, LARGE, 5000));
    }
    assert_false(copies_offer(&copies, "\"a\"", LARGE, 5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_asked_for_again_is),
        cmocka_unit_test(test_small_and_huge_ones_are_not),
        cmocka_unit_test(test_there_is_a_pause_between_two),
        cmocka_unit_test(test_what_was_asked_for_long_ago_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
