/* Comparing versions number by number, of any length. */
#include "model/version.h"

#include <stddef.h>
#include <string.h>

#define DIGITS "0123456789"

bool version_is_valid(const char *text)
{
    size_t len = strspn(text, DIGITS);

    while (len > 0 && text[len] == '.') {
        text += len + 1;
        len = strspn(text, DIGITS);
    }
    return len > 0 && (text[len] == '\0' || text[len] == '-' || text[len] == '+');
}

/* Takes the number at *text and the dot behind it; "" when there is none left. */
static size_t take_number(const char **text, const char **digits)
{
    size_t len = strspn(*text, DIGITS);
    const char *end = *text + len;

    *digits = *text + strspn(*text, "0");
    len = *digits < end ? (size_t)(end - *digits) : 0;
    *text = end + (*end == '.');
    return len;
}

static int compare_pre_releases(const char *a, const char *b)
{
    size_t a_len = strcspn(a, "+");
    size_t b_len = strcspn(b, "+");

    if (a_len == 0 || b_len == 0) {
        return (a_len == 0) - (b_len == 0);
    }
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

int version_compare(const char *a, const char *b)
{
    while (strspn(a, DIGITS) > 0 || strspn(b, DIGITS) > 0) {
        const char *a_digits = NULL;
        const char *b_digits = NULL;
        size_t a_len = take_number(&a, &a_digits);
        size_t b_len = take_number(&b, &b_digits);
        int order =
            a_len != b_len ? (a_len > b_len) - (a_len < b_len) : memcmp(a_digits, b_digits, a_len);

        if (order != 0) {
            return order;
        }
    }
    return compare_pre_releases(a, b);
}
