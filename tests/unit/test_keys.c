/* Which JSON is a list of keys; what is refused, and that no refusal shows a secret. */
#include "test.h"

#include "http/keys.h"
#include "util/mem.h"
#include "util/strbuf.h"

#define A   "0123456789abcdef0123456789abcdef" /* 32 bytes */
#define B   "fedcba9876543210fedcba9876543210"
#define C   "ffffffffffffffffffffffffffffffff"
#define S31 "0123456789abcdef0123456789abcde"

#define KEY(id, secret, role, more)                                                                \
    "{\"id\":\"" id "\",\"secret\":\"" secret "\",\"principal\":\"p\",\"role\":\"" role "\"" more  \
    "}"
#define PREVIOUS(id, secret) ",\"previous\":{\"id\":\"" id "\",\"secret\":\"" secret "\"}"

static struct keys *parse(const char *text, struct error *err)
{
    return keys_parse(text, strlen(text), err);
}

static void test_one_key(void **state)
{
    struct error err = {0};
    AUTO(keys) *keys =
        parse(" {\"role\":\"proxy\",\"id\":\"proxy-1\",\"principal\":\"J\xc3\xbcrgen's "
              "gateway\",\"secret\":\"" A "\"}\n",
              &err);

    (void)state;
    assert_non_null(keys);
    assert_int_equal(keys->n, 1);
    assert_string_equal(keys->items[0].id, "proxy-1");
    assert_string_equal(keys->items[0].secret, A);
    assert_string_equal(keys->items[0].principal, "J\xc3\xbcrgen's gateway");
    assert_int_equal(keys->items[0].role, KEY_PROXY);
    assert_null(keys->items[0].previous_id);
}

static void test_finding(void **state)
{
    AUTO(keys) *keys = parse(
        "[" KEY("a", A, "viewer", "") "," KEY("b", B, "operator", PREVIOUS("b-old", C)) "]", NULL);
    const char *secrets[2];

    (void)state;
    assert_non_null(keys);
    assert_ptr_equal(keys_find(keys, "a", secrets), &keys->items[0]);
    assert_string_equal(secrets[0], A);
    assert_null(secrets[1]);
    assert_ptr_equal(keys_find(keys, "b", secrets), &keys->items[1]);
    assert_string_equal(secrets[0], B);
    assert_null(secrets[1]);
    assert_ptr_equal(keys_find(keys, "b-old", secrets), &keys->items[1]);
    assert_string_equal(secrets[0], C);
    assert_null(secrets[1]);
    assert_null(keys_find(keys, "c", secrets));
    assert_null(keys_find(keys, "", secrets));
    assert_null(keys_find(keys, "A", secrets));
}

static void test_a_secret_may_change_under_the_same_id(void **state)
{
    AUTO(keys) *keys = parse(KEY("a", A, "viewer", PREVIOUS("a", B)), NULL);
    const char *secrets[2];

    (void)state;
    assert_non_null(keys);
    assert_non_null(keys_find(keys, "a", secrets));
    assert_string_equal(secrets[0], A);
    assert_string_equal(secrets[1], B);
}

/* A mark stands for one secret under one id, and for whether it speaks for others. */
static void test_marks(void **state)
{
    AUTO(keys) *before = parse(KEY("a", A, "viewer", PREVIOUS("a-old", B)), NULL);
    const struct {
        const char *text;
        bool current, previous;
    } after[] = {
        {KEY("a", A, "viewer", PREVIOUS("a-old", B)), true, true},
        {KEY("a", A, "operator", ""), true, false},
        {KEY("a", A, "proxy", PREVIOUS("a-old", B)), false, false},
        {KEY("a", C, "viewer", PREVIOUS("a", A)), true, false},
        {KEY("a-old", B, "viewer", ""), false, true},
        {KEY("a-old", A, "viewer", PREVIOUS("a", B)), false, false},
        {KEY("a", C, "viewer", ""), false, false},
        {"[" KEY("z", C, "viewer", "") "," KEY("a", A, "viewer", "") "]", true, false},
    };

    (void)state;
    assert_non_null(before);
    for (size_t c = 0; c < ARRAY_LEN(after); c++) {
        AUTO(keys) *keys = parse(after[c].text, NULL);

        assert_non_null(keys);
        assert_int_equal(keys_have(keys, before->items[0].mark), after[c].current);
        assert_int_equal(keys_have(keys, before->items[0].previous_mark), after[c].previous);
    }
    assert_false(keys_have(before, (const uint8_t[SHA256_LEN]){0}));
}

static const struct {
    const char *text;
    const char *why;
} refused[] = {
    {"", "line 1, column 0: this is not JSON"},
    {"{", "line 1, column 1: this is not JSON"},
    {"{\"id\":\n\"a\",\"secret\":\"" A "}", "line 2, column "},
    {"{\"id\":\"a\",\"secret\":\"" A "\",\"secret\":\"" B "\"}", "a member given twice"},
    {KEY("a", A, "viewer", "") KEY("b", B, "viewer", ""), "this is not JSON"},
    {"[]", "want 1 to 64 keys, not 0"},
    {"\"" A "\"", "this is not JSON"}, /* a secret alone */
    {"[\"" A "\"]", "key 1: want an object"},
    {"null", "this is not JSON"},
    {"{}", "key 1: want a text as \"id\""},
    {KEY("", A, "viewer", ""), "key 1: \"id\" must have 1 to 64 bytes, not 0"},
    {KEY("a:b", A, "viewer", ""), "key 1: \"id\" may have A-Z a-z 0-9 . _ - only"},
    {KEY("a b", A, "viewer", ""), "key 1: \"id\" may have"},
    {KEY("\xc3\xa4", A, "viewer", ""), "key 1: \"id\" may have"},
    {KEY("a\\n", A, "viewer", ""), "key 1: a control character in \"id\""},
    {KEY("a", S31, "viewer", ""), "key 1: \"secret\" must have 32 to 1024 bytes, not 31"},
    {KEY("a", "", "viewer", ""), "key 1: \"secret\" must have 32 to 1024 bytes, not 0"},
    {KEY("a", A "\\n", "viewer", ""), "key 1: a control character in \"secret\""},
    {KEY("a", A "\\u0000", "viewer", ""), "this is not JSON"},
    {KEY("a", A, "admin", ""), "key 1: want proxy, operator or viewer as \"role\""},
    {KEY("a", A, "Proxy", ""), "key 1: want proxy, operator or viewer as \"role\""},
    {KEY("a", A, "", ""), "key 1: want proxy, operator or viewer as \"role\""},
    {"{\"id\":\"a\",\"secret\":\"" A "\",\"principal\":\"p\"}", "key 1: want proxy, operator or"},
    {"{\"id\":\"a\",\"secret\":\"" A "\",\"role\":\"viewer\"}",
     "key 1: want a text as \"principal\""},
    {"{\"id\":\"a\",\"secret\":\"" A "\",\"role\":\"viewer\",\"principal\":\"\"}",
     "key 1: \"principal\" must have 1 to 256 bytes, not 0"},
    {"{\"id\":1,\"secret\":\"" A "\",\"role\":\"viewer\"}", "key 1: want a text as \"id\""},
    {"{\"id\":\"a\",\"secret\":null,\"role\":\"viewer\"}", "key 1: want a text as \"secret\""},
    {KEY("a", A, "viewer", ",\"" B "\":1"),
     "key 1: a member other than id, secret, principal, role and previous"},
    {KEY("a", A, "viewer", ",\"Role\":\"proxy\""), "key 1: a member other than"},
    {KEY("a", A, "viewer", ",\"previous\":null"), "key 1, previous: want an object"},
    {KEY("a", A, "viewer", ",\"previous\":[]"), "key 1, previous: want an object"},
    {KEY("a", A, "viewer", ",\"previous\":{\"id\":\"b\"}"),
     "key 1, previous: want a text as \"secret\""},
    {KEY("a", A, "viewer", ",\"previous\":{\"id\":\"b\",\"secret\":\"" B "\",\"role\":\"proxy\"}"),
     "key 1, previous: a member other than id, secret"},
    {KEY("a", A, "viewer", PREVIOUS("b", S31)),
     "key 1, previous: \"secret\" must have 32 to 1024 bytes, not 31"},
    {"[" KEY("a", A, "viewer", "") "," KEY("a", B, "viewer", "") "]",
     "key 2: an id which key 1 has"},
    {"[" KEY("a", A, "viewer", PREVIOUS("b", B)) "," KEY("b", C, "viewer", "") "]",
     "key 2: an id which key 1 has"},
    {"[" KEY("b", C, "viewer", "") "," KEY("a", A, "viewer", PREVIOUS("b", B)) "]",
     "key 2: an id which key 1 has"},
    {"[" KEY("a", A, "viewer", "") "," KEY("b", A, "proxy", "") "]",
     "key 2: a secret which key 1 has"},
    {"[" KEY("a", A, "viewer", "") "," KEY("b", B, "proxy", PREVIOUS("c", A)) "]",
     "key 2: a secret which key 1 has"},
};

static void test_what_is_refused(void **state)
{
    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(refused); r++) {
        struct error err = {0};
        AUTO(keys) *keys = parse(refused[r].text, &err);

        if (keys || err.code != ERR_INVALID || !strstr(err.text, refused[r].why)) {
            fail_msg("%s: want \"%s\", got \"%s\"", refused[r].text, refused[r].why,
                     keys ? "(keys)" : err.text);
        }
        if (strstr(err.text, "0123") || strstr(err.text, "fedc") || strstr(err.text, "ffff")) {
            fail_msg("\"%s\" shows a secret", err.text);
        }
    }
}

static void test_limits(void **state)
{
    AUTO_STRBUF many = {0};
    AUTO_STRBUF large = {0};
    struct error err = {0};

    (void)state;
    for (int k = 0; k <= KEYS_MAX; k++) {
        strbuf_addf(&many, "%s{\"id\":\"k%d\",\"secret\":\"%032d\",\"principal\":\"p\"",
                    k ? "," : "[", k, k);
        strbuf_add_text(&many, ",\"role\":\"viewer\"}");
        if (k == KEYS_MAX - 1) {
            AUTO_CHAR *all = xasprintf("%s]", many.text);
            AUTO(keys) *keys = parse(all, &err);

            assert_non_null(keys);
        }
    }
    strbuf_add_char(&many, ']');
    assert_null(parse(many.text, &err));
    assert_string_equal(err.text, "want 1 to 64 keys, not 65");
    error_clear(&err);
    strbuf_add_text(&large, KEY("a", A, "viewer", ""));
    while (large.len <= KEYS_LEN_MAX) {
        strbuf_add_char(&large, ' ');
    }
    assert_null(parse(large.text, &err));
    assert_string_equal(err.text, "more than 65536 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_key),
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_a_secret_may_change_under_the_same_id),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
