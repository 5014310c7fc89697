/* Random UUIDs (RFC 9562, version 4). */
#include "util/uuid.h"

#include <string.h>

#include "util/crypto.h"

#define BYTES 16

static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

void uuid_make(char out[UUID_LEN])
{
    uint8_t bytes[BYTES];
    char digits[2 * BYTES + 1];
    const char *digit = digits;

    crypto_random(bytes, sizeof(bytes));
    bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0f)); /* the version */
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); /* the variant */
    crypto_hex(bytes, sizeof(bytes), digits);
    for (size_t i = 0; i < sizeof(form); i++) {
        out[i] = form[i] == 'x' ? *digit++ : form[i];
    }
}

bool uuid_is_valid(const char *text)
{
    for (size_t i = 0; form[i]; i++) {
        if (form[i] == 'x' ? !text[i] || !strchr("0123456789abcdef", text[i])
                           : text[i] != form[i]) {
            return false;
        }
    }
    return text[UUID_LEN - 1] == '\0';
}
