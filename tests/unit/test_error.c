/* struct error keeps the first failure and stays one line of whole characters. */
#include "test.h"

#include "util/error.h"

static void test_the_first_failure_is_kept(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(error_set(&err, ERR_NOT_FOUND, "no %s", "queue"), -1);
    error_set(&err, ERR_INTERNAL, "later");
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.text, "no queue");
}

static void test_a_prefix_keeps_the_code(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERR_DENIED, "refused");
    assert_int_equal(error_prefix(&err, "redis %d", 7), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_string_equal(err.text, "redis 7: refused");
}

static void test_a_long_text_is_cut_at_a_whole_character(void **state)
{
    struct error err = {0};
    char text[400] = "x";

    (void)state;
    for (size_t i = 1; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xC3\xA9", 3);
    }
    error_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.text) % 2, 1);
    assert_int_equal((unsigned char)err.text[strlen(err.text) - 1], 0xA9);
}

static void test_nobody_listens(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERR_INVALID, "x"), -1);
    assert_int_equal(error_prefix(NULL, "x"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_failure_is_kept),
        cmocka_unit_test(test_a_prefix_keeps_the_code),
        cmocka_unit_test(test_a_long_text_is_cut_at_a_whole_character),
        cmocka_unit_test(test_nobody_listens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
