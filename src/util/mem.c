/* Allocation which ends the process instead of failing. */
#include "util/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* jemalloc reads this where it is linked: memory that was freed goes back to the system after a
 * second, not ten; a burst of events leaves much of it. */
extern const char *malloc_conf;
const char *malloc_conf = "dirty_decay_ms:1000,muzzy_decay_ms:0";

static NORETURN void out_of_memory(void)
{
    static const char text[] = "out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    abort();
}

void *xmalloc(size_t len)
{
    void *p = malloc(len ? len : 1);

    if (!p) {
        out_of_memory();
    }
    return p;
}

void *xcalloc(size_t n, size_t len)
{
    void *p = calloc(n ? n : 1, len ? len : 1);

    if (!p) {
        out_of_memory();
    }
    return p;
}

void *xrealloc(void *old, size_t len)
{
    void *p = realloc(old, len ? len : 1);

    if (!p) {
        out_of_memory();
    }
    return p;
}

void *xreallocarray(void *old, size_t n, size_t len)
{
    size_t total = 0;

    if (__builtin_mul_overflow(n, len, &total)) {
        out_of_memory();
    }
    return xrealloc(old, total);
}

char *xstrdup(const char *text)
{
    return xmemdup0(text, strlen(text));
}

char *xstrdup_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

char *xmemdup0(const char *bytes, size_t len)
{
    char *copy = xmalloc(len + 1);

    memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *xvasprintf(const char *fmt, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, fmt, args) < 0) {
        out_of_memory();
    }
    return text;
}

char *xasprintf(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    char *text = xvasprintf(fmt, args);
    va_end(args);
    return text;
}

void mem_give_back(const void *start, size_t len)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)start + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)start + len) / page * page;

    if (from < end) {
        (void)madvise((void *)from, end - from, MADV_DONTNEED); /* they read as zeros now */
    }
}

void auto_free_char(char **text)
{
    free(*text);
}
