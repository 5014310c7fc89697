/* Reads test vectors: directories below tests/vectors with one file an input or expectation. */
#ifndef BLOX_VECTORS_H
#define BLOX_VECTORS_H

#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/strbuf.h"

/* A file of a vector without the newline at its end; NULL when it has no such file. */
static inline UNUSED char *vector_read(const char *group, const char *name, const char *file)
{
    const char *top = getenv("top_srcdir");
    AUTO_CHAR *path = xasprintf("%s/tests/vectors/%s/%s/%s", top ? top : ".", group, name, file);
    FILE *in = fopen(path, "r");
    AUTO_STRBUF text = {0};
    char piece[4096];
    size_t len;

    if (!in) {
        return NULL;
    }
    while ((len = fread(piece, 1, sizeof(piece), in)) > 0) {
        strbuf_add(&text, piece, len);
    }
    fclose(in);
    if (text.len > 0 && text.text[text.len - 1] == '\n') {
        text.text[text.len - 1] = '\0';
    }
    return strbuf_take(&text);
}

/* Calls `check` with each vector's name; gives how many there were. */
static inline UNUSED size_t vector_each(const char *group, void (*check)(const char *name))
{
    const char *top = getenv("top_srcdir");
    AUTO_CHAR *path = xasprintf("%s/tests/vectors/%s", top ? top : ".", group);
    DIR *dir = opendir(path);
    size_t n = 0;

    if (!dir) {
        fail_msg("%s: missing", path);
    }
    for (struct dirent *at = readdir(dir); at; at = readdir(dir)) {
        if (at->d_name[0] != '.') {
            check(at->d_name);
            n++;
        }
    }
    closedir(dir);
    return n;
}

#endif
