/* Page tokens: what was put in comes out, and nothing else is one. */
#include "test.h"

#include "api/page_token.h"

#define KEY "00112233445566778899aabbccddeeff"

static const struct page_token token = {
    .scope = {1, 2, 3, 4, 5, 6, 7, 255},
    .epoch = 1751441862123456,
    .revision = 1751441862123999,
    .major = "arn:aws:ecs:us-east-1:123456789012:cluster/prod",
    .minor = "arn:aws:ecs:us-east-1:123456789012:task/prod/0f2c",
};

static void assert_same(const struct page_token *got, const struct page_token *want)
{
    assert_memory_equal(got->scope, want->scope, PAGE_SCOPE_LEN);
    assert_int_equal(got->epoch, want->epoch);
    assert_int_equal(got->revision, want->revision);
    assert_string_equal(got->major, want->major);
    assert_string_equal(got->minor, want->minor);
}

static void test_round_trip(void **state)
{
    struct page_token got;
    AUTO_STRBUF text = {0};

    (void)state;
    page_token_make(&token, KEY, &text);
    assert_true(page_token_read(text.text, KEY, &got));
    assert_same(&got, &token);
    assert_int_equal(strspn(text.text, "0123456789abcdef"), text.len);
}

static void test_extremes(void **state)
{
    struct page_token want = {.epoch = INT64_MAX, .revision = INT64_MIN};
    struct page_token got;
    AUTO_STRBUF text = {0};

    (void)state;
    page_token_make(&want, KEY, &text);
    assert_true(page_token_read(text.text, KEY, &got));
    assert_same(&got, &want);
    strbuf_reset(&text);
    memset(want.major, 'x', PAGE_PLACE_MAX - 1);
    memset(want.minor, 'y', PAGE_PLACE_MAX - 1);
    page_token_make(&want, KEY, &text);
    assert_true(page_token_read(text.text, KEY, &got));
    assert_same(&got, &want);
}

/* Every other digit at every place. */
static void test_no_byte_can_be_changed(void **state)
{
    struct page_token got;
    AUTO_STRBUF text = {0};

    (void)state;
    page_token_make(&token, KEY, &text);
    for (size_t i = 0; i < text.len; i++) {
        char before = text.text[i];

        for (const char *other = "0123456789abcdefABCDEF !%"; *other; other++) {
            text.text[i] = *other;
            if (*other != before && page_token_read(text.text, KEY, &got)) {
                fail_msg("digit %zu may be %c instead of %c", i, *other, before);
            }
        }
        text.text[i] = before;
    }
    assert_true(page_token_read(text.text, KEY, &got));
}

static void test_no_byte_can_be_cut_off_or_added(void **state)
{
    struct page_token got;
    AUTO_STRBUF text = {0};
    AUTO_STRBUF doubled = {0};

    (void)state;
    page_token_make(&token, KEY, &text);
    strbuf_addf(&doubled, "%s%s", text.text, text.text);
    assert_false(page_token_read(doubled.text, KEY, &got));
    for (size_t len = 0; len < text.len; len++) {
        AUTO_CHAR *front = strndup(text.text, len);

        assert_false(page_token_read(front, KEY, &got));
        assert_false(page_token_read(text.text + text.len - len, KEY, &got));
    }
    for (const char *more = "0f"; *more; more++) {
        AUTO_STRBUF longer = {0};

        strbuf_addf(&longer, "%s%c", text.text, *more);
        assert_false(page_token_read(longer.text, KEY, &got));
        strbuf_add_char(&longer, *more);
        assert_false(page_token_read(longer.text, KEY, &got));
    }
}

static void test_what_is_no_token(void **state)
{
    static char huge[100000];
    struct page_token got;
    AUTO_STRBUF text = {0};

    (void)state;
    memset(huge, '0', sizeof(huge) - 1);
    assert_false(page_token_read("", KEY, &got));
    assert_false(page_token_read("nonsense", KEY, &got));
    assert_false(page_token_read(huge, KEY, &got));
    huge[PAGE_TOKEN_MAX] = '\0';
    assert_false(page_token_read(huge, KEY, &got));
    page_token_make(&token, "another key", &text);
    assert_false(page_token_read(text.text, KEY, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_no_byte_can_be_changed),
        cmocka_unit_test(test_no_byte_can_be_cut_off_or_added),
        cmocka_unit_test(test_what_is_no_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
