/* Version 4 UUIDs in lower case. The door to libuuid. */
#ifndef BLOX_UTIL_UUID_H
#define BLOX_UTIL_UUID_H

#include <stdbool.h>

#define UUID_LEN 37 /* with the NUL */

void uuid_make(char out[UUID_LEN]);
/* 8-4-4-4-12 lower-case hexadecimal digits. */
bool uuid_is_valid(const char *text);

#endif
