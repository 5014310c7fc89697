/* Base64: the examples of RFC 4648, and everything that is none. */
#include "test.h"

#include "util/base64.h"
#include "util/crypto.h"

static const struct {
    const char *plain;
    const char *encoded;
} pairs[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xfb\xff\xfe", "+//+"},
};

static void test_pairs(void **state)
{
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(pairs); p++) {
        AUTO_STRBUF encoded = {0}, decoded = {0};

        base64_encode(pairs[p].plain, strlen(pairs[p].plain), &encoded);
        assert_string_equal(encoded.text ? encoded.text : "", pairs[p].encoded);
        assert_true(base64_decode(pairs[p].encoded, strlen(pairs[p].encoded), &decoded));
        assert_string_equal(decoded.text ? decoded.text : "", pairs[p].plain);
    }
}

static void test_what_is_none(void **state)
{
    static const char *const texts[] = {
        "Z",    "Zg",     "Zg=",      "Zg===",       "=",        "==",   "====",
        "Z===", "Zm9v\n", "Zm9v====", "Zg==Zg==",    "Zm8=Zm9v", "Zm 9", "Zm-_",
        "Zh==", "Zm9=",   "Zm=9",     "Zm9vZ\xff==", "=Zm9",     "Z=9v",
    };

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
        AUTO_STRBUF decoded = {0};

        strbuf_add_text(&decoded, "before");
        if (base64_decode(texts[t], strlen(texts[t]), &decoded)) {
            fail_msg("\"%s\" was taken", texts[t]);
        }
        assert_string_equal(decoded.text, "before");
        assert_int_equal(decoded.len, strlen("before"));
    }
}

static void test_any_bytes_come_back(void **state)
{
    uint8_t bytes[256];

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        AUTO_STRBUF encoded = {0}, decoded = {0};

        crypto_random(bytes, len);
        base64_encode(bytes, len, &encoded);
        assert_int_equal(encoded.len, (len + 2) / 3 * 4);
        assert_true(base64_decode(encoded.text, encoded.len, &decoded));
        assert_int_equal(decoded.len, len);
        assert_memory_equal(len > 0 ? decoded.text : "", len > 0 ? (char *)bytes : "", len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_any_bytes_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
