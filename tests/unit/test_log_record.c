/* Log lines in both formats, and that no argument breaks out of its value. */
#include "util/log_record.h"

#include <inttypes.h>
#include <jansson.h>

#include "test.h"
#include "util/attr.h"
#include "util/js.h"
#include "util/strbuf.h"

static const struct log_record record = {
    .at_ms = 1500000000123, .level = "warn", .program = "blox-test", .event = "test.happened"};

PRINTF(3, 4) static void render(enum log_format format, struct strbuf *out, const char *fmt, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;

    va_start(args, fmt);
    size_t len = log_render(format, &record, fmt, args, line);
    va_end(args);
    assert_true(len > 0 && len <= sizeof(line) && line[len - 1] == '\n');
    assert_null(memchr(line, '\n', len - 1));
    strbuf_add(out, line, len - 1);
}

#define HEAD_LOGFMT "time=2017-07-14T02:40:00.123Z level=warn program=blox-test event=test.happened"
#define HEAD_JSON                                                                                  \
    "{\"time\":\"2017-07-14T02:40:00.123Z\",\"level\":\"warn\",\"program\":\"blox-test\","         \
    "\"event\":\"test.happened\""

/* Both formats of one line; it must be JSON, and no member may be there twice. */
#define ASSERT_LINE(logfmt, json, ...)                                                             \
    do {                                                                                           \
        AUTO_STRBUF got = {0};                                                                     \
                                                                                                   \
        render(LOG_FORMAT_LOGFMT, &got, __VA_ARGS__);                                              \
        assert_string_equal(got.text, HEAD_LOGFMT logfmt);                                         \
        strbuf_reset(&got);                                                                        \
        render(LOG_FORMAT_JSON, &got, __VA_ARGS__);                                                \
        assert_string_equal(got.text, HEAD_JSON json "}");                                         \
        json_auto_t *parsed = json_loads(got.text, JSON_REJECT_DUPLICATES, NULL);                  \
                                                                                                   \
        assert_non_null(parsed);                                                                   \
    } while (0)

static void test_a_line_may_have_nothing_but_its_head(void **state)
{
    (void)state;
    ASSERT_LINE("", "", "%s", "");
}

static void test_integers_are_numbers_in_json(void **state)
{
    (void)state;
    ASSERT_LINE(" a=-1 b=2 c=-3 d=4 e=5000000000 f=-5 g=6",
                ",\"a\":-1,\"b\":2,\"c\":-3,\"d\":4,\"e\":5000000000,\"f\":-5,\"g\":6",
                "a=%d b=%u c=%ld d=%lld e=%zu f=%" PRId64 " g=%" PRIu64, -1, 2U, -3L, 4LL,
                (size_t)5000000000, (int64_t)-5, (uint64_t)6);
}

static void test_everything_else_is_a_string(void **state)
{
    (void)state;
    ASSERT_LINE(" name=agent cut=abc mixed=4ms percent=50% quoted=7",
                ",\"name\":\"agent\",\"cut\":\"abc\",\"mixed\":\"4ms\",\"percent\":\"50%\","
                "\"quoted\":\"7\"",
                "name=%s cut=%.3s mixed=%dms percent=%d%% quoted=\"%d\"", "agent", "abcdef", 4, 50,
                7);
}

static void test_a_value_with_spaces_is_one_value(void **state)
{
    (void)state;
    ASSERT_LINE(" text=\"it is late\" bare=\"so it is\" next=1",
                ",\"text\":\"it is late\",\"bare\":\"so it is\",\"next\":1",
                "text=\"%s\" bare=%s next=%d", "it is late", "so it is", 1);
}

static void test_an_empty_value_is_there(void **state)
{
    (void)state;
    ASSERT_LINE(" a=\"\" b=\"\"", ",\"a\":\"\",\"b\":\"\"", "a=%s b=\"%s\"", "", "");
}

static void test_no_argument_can_forge_a_member_or_a_line(void **state)
{
    (void)state;
    ASSERT_LINE(" text=\"x\\\" level=error y=\\\"\" bare=\"a=b c=\\\"d\\\"\" next=2",
                ",\"text\":\"x\\\" level=error y=\\\"\",\"bare\":\"a=b c=\\\"d\\\"\",\"next\":2",
                "text=\"%s\" bare=%s next=%d", "x\" level=error y=\"", "a=b c=\"d\"", 2);
    ASSERT_LINE(" text=\"a\\nb\\r\\t\\u001b[0m\\\\\\u007f\"",
                ",\"text\":\"a\\nb\\r\\t\\u001b[0m\\\\\\u007f\"", "text=\"%s\"",
                "a\nb\r\t\x1B[0m\\\x7F");
}

static void test_bytes_which_are_not_utf8_are_replaced(void **state)
{
    (void)state;
    ASSERT_LINE(" text=\"\xC3\xA4 \xEF\xBF\xBD \xF0\x9F\x98\x80 \xEF\xBF\xBD\xEF\xBF\xBD\"",
                ",\"text\":\"\xC3\xA4 \xEF\xBF\xBD \xF0\x9F\x98\x80 \xEF\xBF\xBD\xEF\xBF\xBD\"",
                "text=\"%s\"", "\xC3\xA4 \xFF \xF0\x9F\x98\x80 \xC3\xE2");
    ASSERT_LINE(" cut=\"\xEF\xBF\xBD\"", ",\"cut\":\"\xEF\xBF\xBD\"", "cut=%.1s", "\xC3\xA4");
}

/* Whatever does not fit is left out, in the middle of nothing. */
static void test_a_line_which_is_too_long_stays_whole(void **state)
{
    static const char *const bricks[] = {"x", "\"", "\n", "\xC3\xA4", "\xFF", "\x01"};

    (void)state;
    for (size_t b = 0; b < ARRAY_LEN(bricks); b++) {
        for (int n = LOG_LINE_MAX / 8; n < LOG_LINE_MAX + 8; n += 13) {
            AUTO_STRBUF text = {0};
            AUTO_STRBUF got = {0};

            for (int i = 0; i < n; i++) {
                strbuf_add_text(&text, bricks[b]);
            }
            render(LOG_FORMAT_JSON, &got, "first=%d long=\"%s\" again=\"%s\" last=%d", 1, text.text,
                   text.text, 2);
            json_auto_t *parsed = json_loads(got.text, JSON_REJECT_DUPLICATES, NULL);

            if (!parsed || json_integer_value(json_object_get(parsed, "first")) != 1) {
                fail_msg("%d times \"%s\": %s", n, bricks[b], got.text);
            }
            strbuf_reset(&got);
            render(LOG_FORMAT_LOGFMT, &got, "long=\"%s\" again=%s last=%d", text.text, text.text,
                   2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_may_have_nothing_but_its_head),
        cmocka_unit_test(test_integers_are_numbers_in_json),
        cmocka_unit_test(test_everything_else_is_a_string),
        cmocka_unit_test(test_a_value_with_spaces_is_one_value),
        cmocka_unit_test(test_an_empty_value_is_there),
        cmocka_unit_test(test_no_argument_can_forge_a_member_or_a_line),
        cmocka_unit_test(test_bytes_which_are_not_utf8_are_replaced),
        cmocka_unit_test(test_a_line_which_is_too_long_stays_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
