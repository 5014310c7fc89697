/* UTF-8, one character at a time. */
#ifndef BLOX_UTIL_UTF8_H
#define BLOX_UTIL_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, which stands for what is none */
#define UTF8_LEN_MAX     4

/* How many bytes the character at p has, of `left` (1 or more); 0 when it is none: RFC 3629, no
 * overlong forms, no surrogates, nothing above U+10FFFF. */
size_t utf8_len(const char *p, size_t left);
/* Writes the character's bytes to out and gives their number; a surrogate becomes U+FFFD. */
size_t utf8_encode(uint32_t character, char out[UTF8_LEN_MAX]);

#endif
