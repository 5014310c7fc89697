/* JSON by v0.3.0's rules: how names match, which texts parse, how strings are escaped. */
#include "test.h"

#include "util/js.h"
#include "util/mem.h"

static json_t *parse(const char *text)
{
    struct error err = {0};
    json_t *value = js_parse(text, strlen(text), &err);

    if (!value) {
        fail_msg("%s: %s", text, err.text);
    }
    return value;
}

static void test_escapes(void **state)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {"a<b>&c", "\"a\\u003cb\\u003e\\u0026c\""},
        {"say \"x\\y\"", "\"say \\\"x\\\\y\\\"\""},
        {"\b\f\n\r\t\x01\x1f\x7f", "\"\\u0008\\u000c\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"/", "\"/\""},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3", "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xb3\""},
        {"\xe2\x80\xa8|\xe2\x80\xa9|\xe2\x80\xa7", "\"\\u2028|\\u2029|\xe2\x80\xa7\""},
        {"a\xff"
         "b",
         "\"a\\ufffdb\""},
        {"\xc3", "\"\\ufffd\""},
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xc0\x80", "\"\\ufffd\\ufffd\""},
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {NULL, "null"},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        AUTO_STRBUF out = {0};

        js_write_string(&out, cases[c].in);
        assert_string_equal(out.text, cases[c].want);
    }
    AUTO_STRBUF nul = {0};

    js_write_bytes(&nul, "a\0b", 3);
    assert_string_equal(nul.text, "\"a\\u0000b\"");
}

static void test_names(void **state)
{
    (void)state;
    json_auto_t *obj = parse("{\"NAME\":\"loose\",\"b\":1,\"c\":null,\"d\":1,\"d\":2}");
    json_auto_t *both = parse("{\"Name\":\"loose\",\"name\":\"exact\",\"NAME\":\"last\"}");

    assert_string_equal(json_string_value(js_get(obj, "name")), "loose");
    assert_string_equal(json_string_value(js_get(both, "name")), "exact");
    assert_null(js_get(obj, "c"));
    assert_null(js_get(obj, "nam"));
    assert_int_equal(json_integer_value(js_get(obj, "D")), 2);
    assert_null(js_get(NULL, "x"));
}

static void test_types(void **state)
{
    (void)state;
    json_auto_t *obj = parse("{\"s\":\"x\",\"i\":7,\"r\":3.0,\"t\":true,\"a\":[],\"o\":{}}");
    struct error err = {0};
    const char *s = "default";
    int64_t i = -1;
    bool t = false;
    json_t *value = NULL;

    assert_int_equal(js_get_string(obj, "absent", &s, &err), 0);
    assert_string_equal(s, "default");
    assert_int_equal(js_get_string(obj, "s", &s, &err), 0);
    assert_string_equal(s, "x");
    assert_int_equal(js_get_int(obj, "i", &i, &err), 0);
    assert_int_equal(i, 7);
    assert_int_equal(js_get_bool(obj, "t", &t, &err), 0);
    assert_true(t);
    assert_int_equal(js_get_array(obj, "a", &value, &err), 0);
    assert_true(json_is_array(value));
    assert_int_equal(js_get_object(obj, "o", &value, &err), 0);
    assert_int_equal(js_get_int(obj, "r", &i, &err), -1); /* 3.0 is no integer */
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "r: want an integer");
    error_clear(&err);
    assert_int_equal(js_get_string(obj, "i", &s, &err), -1);
    assert_string_equal(err.text, "i: want a string");
}

/* What parses, and to which text; NULL: it does not. */
static void test_parse(void **state)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"\"\\ud800\"", "\"\xef\xbf\xbd\""},
        {"\"\\udc00x\"", "\"\xef\xbf\xbdx\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\\\\ud800\"", "\"\\\\ud800\""},
        {"\"a\xff\"", "\"a\xef\xbf\xbd\""},
        {"\"\\u0000\"", "\"\\u0000\""},
        {" {\"a\" : 1} ", "{\"a\":1}"},
        {"9223372036854775807", "9223372036854775807"},
        {"{\"a\":1} x", NULL},
        {"{\"a\":1", NULL},
        {"", NULL},
        {"nope", NULL},
        {"{\"a\":\"\\ud8\"}", NULL},
        {"\"\\", NULL},
        {"[ ]", "[]"},
        {"{ }", "{}"},
        {"[1,]", NULL},
        {"{\"a\":1,}", NULL},
        {"{\"a\" 1}", NULL},
        {"{a:1}", NULL},
        {"[1 2]", NULL},
        {"\"a\nb\"", NULL},
        {"\"\\x\"", NULL},
        {"{\"a\\u0000b\":1}", NULL},
        {"0", "0"},
        {"-0", "0"},
        {"-12", "-12"},
        {"01", NULL},
        {"-", NULL},
        {"+1", NULL},
        {"1.", NULL},
        {".5", NULL},
        {"1e", NULL},
        {"1.50", "1.5"},
        {"1e2", "100.0"},
        {"1E-2", "0.01"},
        {"0.1", "0.1"},
        {"0.30000000000000004", "0.30000000000000004"},
        {"1e21", "1e+21"},
        {"1e400", NULL},
        {"9223372036854775808", NULL},
        {"-9223372036854775808", "-9223372036854775808"},
        {"true", "true"},
        {"false", "false"},
        {"null", "null"},
        {"nul", NULL},
        {"\"\\ud83d\\ud83d\\ude00\"", "\"\xef\xbf\xbd\xf0\x9f\x98\x80\""},
        {"\"\\u00e9\\u20AC\\/\\b\"", "\"\xc3\xa9\xe2\x82\xac/\\u0008\""},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct error err = {0};
        json_auto_t *value = js_parse(cases[c].in, strlen(cases[c].in), &err);
        AUTO_STRBUF out = {0};

        if (!cases[c].want) {
            assert_null(value);
            assert_int_equal(err.code, ERR_INVALID);
            continue;
        }
        assert_non_null(value);
        js_write_canonical(&out, value);
        assert_string_equal(out.text, cases[c].want);
    }
}

/* One string apart from the rest, as long as several pieces, with escapes where a piece may end. */
static void test_a_string_apart(void **state)
{
    static const char *const units[] = {"x",        "\\\\", "\\u00fc", "\\ud83d\\ude00",
                                        "\xc3\xbc", "\xff"};

    (void)state;
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        AUTO_STRBUF text = {0}, apart = {0};
        struct error err = {0};

        strbuf_add_text(&text, "{\"a\":{\"big\":\"inner\"},\"big\" : \"");
        while (text.len < 3 * MEM_PIECE) {
            strbuf_add_text(&text, units[u]);
        }
        strbuf_add_text(&text, "\",\"z\":[\"end\"]}");
        json_auto_t *whole = parse(text.text);
        json_auto_t *value = js_parse_apart(&text, "big", &apart, &err);

        assert_non_null(value);
        assert_int_equal(text.len, 0);
        assert_string_equal(apart.text, json_string_value(json_object_get(whole, "big")));
        json_object_set_new(whole, "big", json_string(""));
        assert_true(json_equal(value, whole));
    }
}

/* Anything but a string stays where it is, and of two members the last counts. */
static void test_what_does_not_go_apart(void **state)
{
    static const struct {
        const char *text, *want, *apart;
    } cases[] = {
        {"{\"k\":1}", "{\"k\":1}", NULL},
        {"{\"k\":null,\"K\":\"x\"}", "{\"K\":\"x\",\"k\":null}", NULL},
        {"{\"k\":{\"k\":\"x\"}}", "{\"k\":{\"k\":\"x\"}}", NULL},
        {"[{\"k\":\"x\"}]", "[{\"k\":\"x\"}]", NULL},
        {"\"k\"", "\"k\"", NULL},
        {"{\"k\":\"x\",\"k\":\"yy\"}", "{\"k\":\"\"}", "yy"},
        {"{\"k\":\"x\",\"k\":2}", "{\"k\":2}", "x"},
        {"{\"k\":2,\"k\":\"x\"}", "{\"k\":\"\"}", "x"},
        {"{\"k\":\"\"}", "{\"k\":\"\"}", ""},
        {"{\"k\":\"x", NULL, "x"},
        {"{\"k\":\"\\", NULL, ""},
        {"", NULL, NULL},
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        AUTO_STRBUF text = {0}, apart = {0}, got = {0};
        struct error err = {0};

        strbuf_add_text(&text, cases[c].text);
        json_auto_t *value = js_parse_apart(&text, "k", &apart, &err);

        assert_int_equal(!!value, !!cases[c].want);
        if (value) {
            js_write_canonical(&got, value);
            assert_string_equal(got.text, cases[c].want);
        }
        assert_int_equal(!!apart.text, !!cases[c].apart);
        assert_string_equal(apart.text ? apart.text : "", cases[c].apart ? cases[c].apart : "");
    }
}

static void test_deep_input_is_refused(void **state)
{
    enum { DEPTH = 100000 };
    AUTO_CHAR *deep = xmalloc(DEPTH);
    struct error err = {0};

    (void)state;
    memset(deep, '[', DEPTH);
    assert_null(js_parse(deep, DEPTH, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

static void test_canonical(void **state)
{
    (void)state;
    json_auto_t *a = parse("{\"b\":[1,{\"y\":2,\"x\":null}],\"a\":\"<\"}");
    json_auto_t *b = parse("{\"a\":\"\\u003c\",\"b\":[1,{\"x\":null,\"y\":2}]}");
    AUTO_STRBUF one = {0}, two = {0};

    js_write_canonical(&one, a);
    js_write_canonical(&two, b);
    assert_string_equal(one.text, "{\"a\":\"\\u003c\",\"b\":[1,{\"x\":null,\"y\":2}]}");
    assert_string_equal(one.text, two.text);
}

static void test_members(void **state)
{
    AUTO_STRBUF out = {0};

    (void)state;
    strbuf_add_char(&out, '{');
    js_write_key(&out, "a");
    js_write_string(&out, "{");
    js_write_key(&out, "b");
    strbuf_add_text(&out, "[]}");
    assert_string_equal(out.text, "{\"a\":\"{\",\"b\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_deep_input_is_refused),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_a_string_apart),
        cmocka_unit_test(test_what_does_not_go_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
