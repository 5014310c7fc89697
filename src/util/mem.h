/* Allocation which cannot fail: when memory is out, the process says so and ends. */
#ifndef BLOX_UTIL_MEM_H
#define BLOX_UTIL_MEM_H

#include <stdarg.h>
#include <stddef.h>

#include "util/attr.h"

void *xmalloc(size_t len) MUST_CHECK;
void *xcalloc(size_t n, size_t len) MUST_CHECK;
void *xrealloc(void *old, size_t len) MUST_CHECK;
/* Room for n elements of len bytes each, the product checked. */
void *xreallocarray(void *old, size_t n, size_t len) MUST_CHECK;
char *xstrdup(const char *text) MUST_CHECK;
/* Like xstrdup; NULL stays NULL. */
char *xstrdup_or_null(const char *text) MUST_CHECK;
char *xmemdup0(const char *bytes, size_t len) MUST_CHECK; /* len bytes and a NUL behind them */
char *xasprintf(const char *fmt, ...) PRINTF(1, 2) MUST_CHECK;
char *xvasprintf(const char *fmt, va_list args) PRINTF(1, 0) MUST_CHECK;

/* So many bytes of something large are copied before the first ones are given back; whole groups of
 * base64, on both sides. */
#define MEM_PIECE (192 * 1024)

/* Gives what will not be read again back to the system while it is still allocated: the whole pages
 * of it, which may be written anew. */
void mem_give_back(const void *start, size_t len);

#endif
