/* One lasting copy of each text. */
#include "sim/texts.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "util/mem.h"

#define TEXT_LEN_MAX 1024 /* of a formatted one */

struct kept {
    UT_hash_handle hh;
    char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept *all;

const char *text_keep(const char *text)
{
    struct kept *found = NULL;

    if (!text) {
        return NULL;
    }
    size_t len = strlen(text);

    pthread_mutex_lock(&lock);
    HASH_FIND(hh, all, text, len, found);
    if (!found) {
        found = xcalloc(1, sizeof(*found) + len + 1);
        memcpy(found->text, text, len + 1);
        HASH_ADD(hh, all, text, len, found);
    }
    pthread_mutex_unlock(&lock);
    return found->text;
}

const char *text_keepf(const char *fmt, ...)
{
    char text[TEXT_LEN_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return text_keep(text);
}

void texts_free(void)
{
    struct kept *each = NULL;
    struct kept *next = NULL;

    HASH_ITER(hh, all, each, next)
    {
        HASH_DEL(all, each);
        free(each);
    }
}
