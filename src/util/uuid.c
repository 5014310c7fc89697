/* Version 4 UUIDs in lower case: RFC 9562, section 5.4. */
#include "util/uuid.h"

#include <string.h>

#include "util/attr.h"
#include "util/crypto.h"

#define BYTES  16
#define DIGITS "0123456789abcdef"

static const size_t groups[] = {8, 4, 4, 4, 12}; /* digits */

void uuid_make(char out[UUID_LEN])
{
    uint8_t bytes[BYTES];
    char hex[2 * BYTES + 1];
    const char *from = hex;

    crypto_random(bytes, sizeof(bytes));
    bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0f)); /* the version */
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); /* the variant */
    crypto_hex(bytes, sizeof(bytes), hex);
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        memcpy(out, from, groups[g]);
        from += groups[g];
        out += groups[g];
        *out++ = '-';
    }
    out[-1] = '\0';
}

bool uuid_is_valid(const char *text)
{
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        if (strspn(text, DIGITS) != groups[g]) {
            return false;
        }
        text += groups[g];
        if (*text++ != (g + 1 < ARRAY_LEN(groups) ? '-' : '\0')) {
            return false;
        }
    }
    return true;
}
