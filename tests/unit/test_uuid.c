/* UUIDs: those we make are version 4, no two alike; and what is taken for one. */
#include "test.h"

#include <string.h>

#include "util/attr.h"
#include "util/uuid.h"

static void test_made(void **state)
{
    char before[UUID_LEN] = "";
    char varies[UUID_LEN] = ""; /* whether a place was ever another than in the one before */

    (void)state;
    for (int i = 0; i < 200; i++) {
        char uuid[UUID_LEN];

        uuid_make(uuid);
        assert_int_equal(strlen(uuid), UUID_LEN - 1);
        assert_true(uuid_is_valid(uuid));
        assert_int_equal(uuid[14], '4');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_string_not_equal(uuid, before);
        for (size_t c = 0; i > 0 && c < UUID_LEN - 1; c++) {
            varies[c] |= (char)(uuid[c] != before[c]);
        }
        memcpy(before, uuid, sizeof(before));
    }
    for (size_t c = 0; c < UUID_LEN - 1; c++) { /* every digit varies but the version */
        assert_int_equal(varies[c], before[c] != '-' && c != 14);
    }
}

static void test_what_is_none(void **state)
{
    static const char *const texts[] = {
        "",
        "-",
        "0b4cf1a2-7a57-4c0e-9d5e-2f1d3c4b5a6",   /* too short */
        "0b4cf1a2-7a57-4c0e-9d5e-2f1d3c4b5a697", /* too long */
        "0b4cf1a2-7a57-4c0e-9d5e-2f1d3c4b5a69-",
        "0b4cf1a27a57-4c0e-9d5e-2f1d3c4b5a69-00",
        "0b4cf1a-27a57-4c0e-9d5e-2f1d3c4b5a69",
        "0B4CF1A2-7A57-4C0E-9D5E-2F1D3C4B5A69",
        "0b4cf1g2-7a57-4c0e-9d5e-2f1d3c4b5a69",
        "0b4cf1a2_7a57_4c0e_9d5e_2f1d3c4b5a69",
        " 0b4cf1a2-7a57-4c0e-9d5e-2f1d3c4b5a69",
    };

    (void)state;
    assert_true(uuid_is_valid("0b4cf1a2-7a57-4c0e-9d5e-2f1d3c4b5a69"));
    assert_true(uuid_is_valid("00000000-0000-0000-0000-000000000000"));
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        assert_false(uuid_is_valid(texts[t]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
