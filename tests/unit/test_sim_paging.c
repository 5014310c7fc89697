/* The simulator's pages: sizes, and tokens that name where the next one begins. */
#include "test.h"

#include <string.h>

#include "sim/paging.h"

/* Reads the JSON as a listing's input; the result is page_read's. */
static int read_page(const char *input, struct page *page)
{
    json_t *parsed = json_loads(input, 0, NULL);
    struct call call = {.input = parsed};
    int result = page_read(&call, page);

    json_decref(parsed);
    return result;
}

static void test_sizes(void **state)
{
    static const struct {
        const char *input;
        size_t max; /* 0: refused */
    } cases[] = {
        {"{}", 100},
        {"{\"maxResults\": null}", 100},
        {"{\"maxResults\": 1}", 1},
        {"{\"maxResults\": 100}", 100},
        {"{\"maxResults\": 0}", 0},
        {"{\"maxResults\": 101}", 0},
        {"{\"maxResults\": \"7\"}", 0},
        {"{\"nextToken\": \"\"}", 0},
        {"{\"nextToken\": \"blox\"}", 0},
        {"{\"nextToken\": \"blox6\"}", 0},
        {"{\"nextToken\": \"blox6x\"}", 0},
        {"{\"nextToken\": \"6161\"}", 0},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct page page;
        int result = read_page(cases[c].input, &page);

        if (cases[c].max == 0 ? result == 0 : result < 0 || page.max != cases[c].max) {
            fail_msg("%s: result %d, max %zu", cases[c].input, result, page.max);
        }
    }
}

static void test_a_token_leads_to_the_next_page(void **state)
{
    static const char *const keys[] = {"a", "b/\xc3\xa9", "c"};
    AUTO_STRBUF out = {0};
    struct call call = {.out = {.out = &out}};
    struct page page;

    (void)state;
    assert_int_equal(read_page("{\"maxResults\": 2}", &page), 0);
    assert_null(page_after(&page));
    assert_true(page_take(&page, keys[0]));
    assert_true(page_take(&page, keys[1]));
    assert_false(page_take(&page, keys[2]));
    emit_open(&call.out, NULL, '{');
    page_end(&call, &page);
    emit_close(&call.out, '}');
    assert_int_equal(read_page(out.text, &page), 0); /* the answer is the next one's input */
    assert_string_equal(page_after(&page), keys[1]);
}

static void test_the_last_page_has_no_token(void **state)
{
    AUTO_STRBUF out = {0};
    struct call call = {.out = {.out = &out}};
    struct page page;

    (void)state;
    assert_int_equal(read_page("{\"maxResults\": 1}", &page), 0);
    assert_true(page_take(&page, "a"));
    page_end(&call, &page);
    assert_int_equal(out.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_a_token_leads_to_the_next_page),
        cmocka_unit_test(test_the_last_page_has_no_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
