/* The door to libuuid. */
#include "util/uuid.h"

#include <string.h>
#include <uuid/uuid.h>

void uuid_make(char out[UUID_LEN])
{
    uuid_t id;

    uuid_generate_random(id);
    uuid_unparse_lower(id, out);
}

bool uuid_is_valid(const char *text)
{
    uuid_t id;

    return strlen(text) == UUID_LEN - 1 && uuid_parse(text, id) == 0 &&
           text[strcspn(text, "ABCDEF")] == '\0';
}
